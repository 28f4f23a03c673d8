// Looks at the packed libraries as an installer and a compiler would: do the doors exist, are their types the right ones?
import { run, withTarballs } from './packed.ts';

withTarballs((tarballs) => {
  for (const tarball of tarballs) {
    run('publint', ['run', '--strict', tarball]);
    run('attw', [tarball, '--profile', 'esm-only']);
  }
});
