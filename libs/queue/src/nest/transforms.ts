import { hostname } from 'node:os';
import type { Ambient } from '../ambient/ambient.js';
import { ClaimCheck } from '../composed/claim-check.js';
import { Compression } from '../composed/compression.js';
import { Encryption } from '../composed/encryption.js';
import { Signing } from '../composed/signing.js';
import { type MessageTransform, TransformedBackend } from '../composed/transformed.backend.js';
import { blobStoreOf, claimCheckPolicyOf } from './claim-check.options.js';
import { compressionPolicyOf } from './compression.options.js';
import { encryptionPolicyOf } from './encryption.options.js';
import type { ComposedBackend } from './lazy.backend.js';
import type { BackendConfig } from './queue.options.js';
import { signingPolicyOf } from './signing.options.js';

export interface TransformSurroundings {
  readonly ambient: Ambient;
  /** Something that nobody else will tell. No payloads. */
  readonly report: (sentence: string) => void;
}

/**
 * What happens to messages between the bus and the broker. On the way out a body is compressed, then encrypted, then kept
 * elsewhere, and what is left is signed; on the way back the signature is verified before anything else is done.
 */
export function withTransforms(
  config: BackendConfig,
  opened: ComposedBackend,
  { ambient, report }: TransformSurroundings,
): ComposedBackend {
  const parts = { clock: ambient.clock, host: `${hostname()}:${process.pid}`, report };
  const innermostFirst = transformsOf(config, { ambient, report });
  const backend = innermostFirst.reduce(
    (inner, transform) => new TransformedBackend(inner, transform, parts),
    opened.backend,
  );
  return innermostFirst.length === 0 ? opened : { ...opened, backend };
}

function transformsOf(
  { name, signing, claimCheck, encryption, compression }: BackendConfig,
  { ambient, report }: TransformSurroundings,
): readonly MessageTransform[] {
  const transforms: MessageTransform[] = [];
  if (signing !== undefined) transforms.push(new Signing(signingPolicyOf(signing), ambient.clock));
  if (claimCheck !== undefined) {
    const blobs = blobStoreOf(claimCheck);
    transforms.push(
      new ClaimCheck(claimCheckPolicyOf(claimCheck), { backend: name, blobs, ambient, report }),
    );
  }
  if (encryption !== undefined) transforms.push(new Encryption(encryptionPolicyOf(encryption)));
  if (compression !== undefined) transforms.push(new Compression(name, compressionPolicyOf(compression)));
  return transforms;
}
