import { IsInt, IsObject, IsOptional, Min } from 'class-validator';
import { memoryCapabilities } from './memory.capabilities.js';
import type { FaultOptions } from './memory.faults.js';

export class MemoryOptions {
  /** Largest body in bytes. Default 16 MiB. */
  @IsOptional()
  @IsInt()
  @Min(1)
  maxBytes?: number = memoryCapabilities.maxBytes;

  /**
   * Most messages that a subscription without bounds of its own holds, dead letters aside; a publish beyond it is
   * refused. Unbounded by default, so memory is the limit.
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  maxMessages?: number;

  /** For tests: what goes wrong on purpose, how often, drawn from the injected Random. */
  @IsOptional()
  @IsObject()
  faults?: FaultOptions;
}
