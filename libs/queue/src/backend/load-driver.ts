import { MissingDriverError } from './backend.errors.js';

const MISSING = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_UNKNOWN_BUILTIN_MODULE']);

/**
 * Loads an optional package: `load` is a literal dynamic import, which keeps the types. A package that is there but
 * broken is not a missing one, so only the error about the package itself is translated.
 */
export async function loadDriver<T>(packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message = '' } = error as Partial<NodeJS.ErrnoException>;
    if (code !== undefined && MISSING.has(code) && message.includes(packageName)) {
      throw new MissingDriverError(packageName, { cause: error });
    }
    throw error;
  }
}
