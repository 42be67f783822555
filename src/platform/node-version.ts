/*
 * Rejects a Node version older than package.json requires. Every program imports this file first, before all
 * other imports: an old Node would start and then fail on some request.
 */
import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { engines: { node: string } }; // this repository's package.json

const oldest = Number(/\d+/.exec(engines.node)?.[0]);
if (Number.parseInt(process.versions.node, 10) < oldest) {
  process.stderr.write(
    `Latchkey needs Node ${oldest} or newer. This is Node ${process.versions.node} (${process.execPath}).\n`,
  );
  process.exit(1);
}
