/** Stops a run on a Node that has no node:sqlite, before hundreds of tests fail for that one reason. */
export default function requireNode24(): void {
  const [major] = process.versions.node.split('.');
  if (Number(major) < 24) {
    throw new Error(
      `Node >= 24 is required to run the tests, got ${process.version}. ` +
        'Start them by npm (npm test): it uses the Node that npm ci installed.',
    );
  }
}
