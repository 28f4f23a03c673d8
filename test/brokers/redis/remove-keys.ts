import { Redis } from 'ioredis';

/** Removes everything that a backend with this prefix has left on a server that others use too. */
export async function removeKeys({
  url,
  prefix,
}: {
  readonly url: string;
  readonly prefix: string;
}): Promise<void> {
  const client = new Redis(url);
  for await (const keys of client.scanStream({ match: `{${prefix}}*`, count: 1_000 })) {
    if ((keys as string[]).length > 0) await client.unlink(keys as string[]);
  }
  client.disconnect();
}
