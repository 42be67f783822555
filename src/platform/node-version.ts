/*
 * Refuses a Node that is older than package.json asks for. Every program imports this file first, so
 * that the refusal comes before anything else is loaded: an old Node starts and fails at a request.
 */
import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { engines: { node: string } }; // our own file

const oldest = Number(/\d+/.exec(engines.node)?.[0]);
if (Number.parseInt(process.versions.node, 10) < oldest) {
  process.stderr.write(
    `Latchkey needs Node ${oldest} or newer. This is Node ${process.versions.node} (${process.execPath}).\n`,
  );
  process.exit(1);
}
