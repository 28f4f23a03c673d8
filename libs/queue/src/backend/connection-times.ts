import { IsInt, IsOptional, Max, Min } from 'class-validator';

const SHORTEST_MS = 100;
const LONGEST_MS = 600_000;

/** How long a backend with a server waits for it: options that all such backends have, their rules and their defaults. In ms. */
export class ConnectionTimes {
  /** How long the start waits for the server, and each later attempt to connect. */
  @IsOptional()
  @IsInt()
  @Min(SHORTEST_MS)
  @Max(LONGEST_MS)
  connectTimeoutMs?: number = 4_000;

  /** How long any call waits for its answer, or for a connection, before it fails. A publish is a call. */
  @IsOptional()
  @IsInt()
  @Min(SHORTEST_MS)
  @Max(LONGEST_MS)
  commandTimeoutMs?: number = 10_000;

  /** A connection that brings nothing for twice as long is given up, and made anew. */
  @IsOptional()
  @IsInt()
  @Min(SHORTEST_MS)
  @Max(LONGEST_MS)
  heartbeatMs?: number = 5_000;
}
