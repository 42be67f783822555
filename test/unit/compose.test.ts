import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { at, entriesAt } from '../helpers/json.ts';

const file = path.resolve(import.meta.dirname, '../../docker-compose.yml');
const services = entriesAt(parse(readFileSync(file, 'utf8'), { merge: true }), 'services');

/** What an image that starts as root needs to become another user. */
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

  it('is bounded in memory and processes, restarts by itself, and keeps a bounded log', () => {
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
