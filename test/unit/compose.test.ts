import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { at, entriesAt } from '../helpers/json.ts';

const file = path.resolve(import.meta.dirname, '../../docker-compose.yml');
const services = entriesAt(parse(readFileSync(file, 'utf8'), { merge: true }), 'services');

/** The capabilities that an image needs to step down from root. */
const toStepDown = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'];

describe.each(services)('the container %s', (name, service) => {
  it('gains no rights, and has none but those to step down from root', () => {
    expect(service).toMatchObject({
      security_opt: ['no-new-privileges:true'],
      cap_drop: ['ALL'],
    });
    const added = entriesAt(service, 'cap_add').map(([, capability]) => capability);
    expect(name === 'latchkey' ? [] : toStepDown).toEqual(expect.arrayContaining(added));
    expect(service).not.toHaveProperty('privileged');
  });

  it('is bounded in memory and processes, restarts automatically, and keeps a bounded log', () => {
    expect(at(service, 'mem_limit')).toMatch(/^\d+[mg]$/);
    expect(at(service, 'pids_limit')).toBeGreaterThan(0);
    expect(service).toMatchObject({
      restart: 'unless-stopped',
      logging: { options: { 'max-size': '10m', 'max-file': '5' } },
    });
  });

  it('can be pinned to an image by digest, and has a version otherwise', () => {
    const image = /"(?:image|NODE_IMAGE)":"\$\{(\w+_IMAGE):-[a-z]+:\d[\w.-]*\}"/;
    expect(JSON.stringify(service)).toMatch(image);
  });
});

it('only the database writes to its disk', () => {
  const writing = services.filter(
    ([, service]) => !JSON.stringify(service).includes('"read_only":true'),
  );
  expect(writing.map(([name]) => name)).toEqual(['postgres']);
});

describe('the commands of docs/operations.md and README.md', () => {
  const documents = ['README.md', 'docs/operations.md'].map((document) =>
    readFileSync(path.resolve(import.meta.dirname, '../..', document), 'utf8'),
  );
  const used = documents.flatMap((text) => [
    ...text.matchAll(
      /docker compose (?:exec|run|logs|stop|ps|build)((?: -\S+(?: (?=\d)\S+)?)*)(?: (?=\d)\S+)? ([a-z]+)\b/g,
    ),
  ]);

  it('name only containers that Compose starts', () => {
    const names = services.map(([name]) => name);
    expect(used.length).toBeGreaterThan(10);
    for (const [command, , name = ''] of used) expect(names, command).toContain(name);
  });

  it('never restart a container to bring it a new setting', () => {
    const restarting = documents.flatMap((text) => text.match(/\band restart\b[^,.]*/g) ?? []);
    expect(restarting).toEqual([]);
  });
});
