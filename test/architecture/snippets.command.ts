// Copies the tested code into the docs: npm run docs:code
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cut, docs, MARKED } from './snippets.js';
import { read, ROOT } from './tree.js';

function renew(doc: string): string {
  return read(doc).replace(MARKED, (whole, file: string, region: string) => {
    const code = cut(file, region);
    if (code !== undefined) return `<!-- from: ${file}#${region} -->\n\n\`\`\`ts\n${code}\n\`\`\``;
    process.exitCode = 1;
    process.stderr.write(`${doc}: ${file} has no region "${region}"\n`);
    return whole;
  });
}

for (const doc of docs) {
  const renewed = renew(doc);
  if (renewed === read(doc)) continue;
  writeFileSync(join(ROOT, doc), renewed);
  process.stdout.write(`${doc}: renewed\n`);
}
