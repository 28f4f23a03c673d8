/** Takes the secrets out of a text that somebody may read. */
export type Redact = (text: string) => string;

const HIDDEN = '***';
/** Whatever stands between `//` and `@` of a URL, up to the last `@` before its path: passwords can hold one too. */
const USER_INFO = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi;
/** A shorter secret would be found in ordinary words. */
const SHORTEST = 4;

/**
 * Hides the user information of any URL, and every given secret as it is and as a URL writes it. Made once per
 * connection; an undefined secret is one that was not set.
 */
export function redactorOf(secrets: readonly (string | undefined)[]): Redact {
  const hidden = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  return (text) =>
    hidden.reduce((left, secret) => left.replaceAll(secret, HIDDEN), text.replace(USER_INFO, `$1${HIDDEN}@`));
}

function formsOf(secret: string | undefined): readonly string[] {
  if (secret === undefined || secret.length < SHORTEST) return [];
  return [secret, encodeURIComponent(secret), decoded(secret)];
}

function decoded(secret: string): string {
  try {
    return decodeURIComponent(secret);
  } catch {
    return secret;
  }
}
