import { readFileSync } from 'node:fs';

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string }; // this repository's package.json

/** The version of this release, from package.json. */
export const releaseVersion = version;
