import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { decodeJwt } from 'jose';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { openEventStream } from '../helpers/event-stream.ts';
import { text } from '../helpers/json.ts';
import { firstSteps } from './operations/document.ts';
import { Shell } from './operations/shell.ts';

/* `npm run dev` as a newcomer meets it: its greeting is taken at its word. */

const repository = path.resolve(import.meta.dirname, '../..');
const program = path.join(repository, 'src/dev/main.ts');

const started = new Started();
let child: ChildProcess;
let output = '';
let greeting: string;
let home: string;

beforeAll(async () => {
  home = await temporaryDirectory('dev-test', started);
  child = spawn(process.execPath, [program, '--home', home], {
    env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.add(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  await vi.waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(output);
      expect(output).toMatch(/^ {2}curl .*\/metrics\n/m);
    },
    { timeout: 90_000, interval: 100 },
  );
  greeting = output;
}, 120_000);
afterAll(() => started.stop());

/** Returns what the greeting prints beside a name, below a title. */
function printed(title: string, name: string): string {
  const [, section = ''] = greeting.split(`\n${title}\n`);
  const [, value] = new RegExp(`^ {2}${name} {2,}(\\S+)`, 'm').exec(section) ?? [];
  if (value === undefined) throw new Error(`no ${name} in ${greeting}`);
  return value;
}

const places = 'Latchkey is running. Ctrl-C stops everything.';
const service = (): string => new URL(printed(places, 'Latchkey')).origin;

function sandbox(): Stripe {
  const { hostname, port } = new URL(printed(places, 'Stripe'));
  return new Stripe(printed('Keys', 'Stripe'), { host: hostname, port, protocol: 'http' });
}

async function logged(line: RegExp): Promise<void> {
  await vi.waitFor(
    () => {
      expect(output.slice(greeting.length)).toMatch(line);
    },
    { timeout: 30_000, interval: 50 },
  );
}

describe('npm run dev', () => {
  it('prints links that open a page', async () => {
    const [links = ''] = greeting.split('\nKeys\n');
    const urls = links.match(/http:\/\/\S+/g) ?? [];
    expect(urls).toHaveLength(3);
    for (const url of urls) {
      const answer = await fetch(url);
      expect([url, answer.status, answer.headers.get('content-type')]).toEqual([
        url,
        200,
        'text/html; charset=utf-8',
      ]);
    }
  });

  it('prints commands that work as they stand, and the checkout that they open is a page', async () => {
    const commands = greeting.split('\n').filter((line) => /^ {2}(?:KEY=|curl )/.test(line));
    expect(commands).toHaveLength(5);
    const shell = new Shell({ PATH: process.env['PATH'] ?? '' });
    await shell.run('curl() { command curl --silent --show-error --fail "$@"; }');
    const answers: string[] = [];
    for (const command of commands) answers.push(await shell.run(command));
    await shell.close();
    const [, before = '', checkout = '', grant = '', metrics = ''] = answers;
    expect(JSON.parse(before)).toMatchObject({ user_id: 'u_1', entitlements: [] });
    expect(JSON.parse(grant)).toMatchObject({ grant: { feature_code: 'notebooks' } });
    expect(metrics).toContain('latchkey_http_request_seconds_count');
    const url = text(JSON.parse(checkout), 'url');
    expect(await (await fetch(url)).text()).toContain('Checkout');
  });

  it('prints a file that sets up a shell for the first steps of README.md, which work as they stand', async () => {
    const [, setUp = ''] = /^ {2}(\. \S+)$/m.exec(greeting) ?? [];
    const readme = await readFile(path.join(repository, 'README.md'), 'utf8');
    const shell = new Shell({ PATH: process.env['PATH'] ?? '' });
    expect(await shell.run(setUp)).toBe('');
    expect(await shell.run('echo "$LATCHKEY_URL $LATCHKEY_KEY"')).toBe(
      `${service()} ${printed('Keys', 'Project `demo`')}\n`,
    );
    for (const command of firstSteps(readme)) {
      expect(await shell.run(command), command).not.toContain('urn:latchkey:problem');
    }
    await shell.close();
  });

  it('prints an export line that reaches the service as an operator', async () => {
    const [, line = ''] = /^ {2}(export LATCHKEY=.*)$/m.exec(greeting) ?? [];
    const shell = new Shell({ PATH: process.env['PATH'] ?? '' });
    await shell.run(line);
    const answer = await shell.run(
      'curl -sS -H "Authorization: Bearer $ADMIN_API_KEY" "$LATCHKEY/api/v1/admin/projects"',
    );
    await shell.close();
    expect(JSON.parse(answer)).toHaveProperty('data.0.id', 'demo');
  });

  it('writes the settings with which `npm run doctor` finds nothing wrong', async () => {
    const [, setUp = ''] = /^ {2}(\. \S+)$/m.exec(greeting) ?? [];
    const shell = new Shell({ PATH: process.env['PATH'] ?? '' });
    const program = path.join(repository, 'src/doctor.ts');
    const output = await shell.run(`${setUp}\n'${process.execPath}' '${program}'`);
    await shell.close();
    expect(output).toMatch(/^0 failed, /m);
  });

  it('names the product and the price of each plan', async () => {
    const stripe = sandbox();
    for (const plan of ['Starter', 'Pro', 'Team']) {
      const [, product = '', price = ''] =
        new RegExp(`^ {2}${plan} {2,}(\\S+) {3}(\\S+)$`, 'm').exec(greeting) ?? [];
      expect(await stripe.products.retrieve(product)).toMatchObject({ name: plan });
      expect(await stripe.prices.retrieve(price)).toMatchObject({ product });
    }
  });

  it('says in one line why a second one does not start', async () => {
    const second = spawn(process.execPath, [program, '--home', home], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let complaint = '';
    second.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    expect(await once(second, 'close')).toEqual([1, null]);
    expect(complaint).toContain(`is already running as process ${child.pid} `);
    expect(complaint).not.toMatch(/^ +at /m);
  });

  it('signs documents in the name of the address that it prints', async () => {
    const answer = await fetch(`${service()}/api/v1/entitlements/document?user_id=u_1`, {
      headers: { authorization: `Bearer ${printed('Keys', 'Project `demo`')}` },
    });
    const document = text(await answer.json(), 'document');
    expect(decodeJwt(document)).toMatchObject({ iss: service(), aud: 'demo' });
  });

  it('prints the platform key and the sandbox key, which open what they are for', async () => {
    const answer = await fetch(`${service()}/api/v1/admin/projects`, {
      headers: { authorization: `Bearer ${printed('Keys', 'Platform')}` },
    });
    expect(answer.status).toBe(200);
    await sandbox().products.create({ name: 'Seen in the log' });
    await logged(/POST \/api\/v1\/webhooks\/stripe → 200, product\.created, /);
  });

  it('logs method and path of a mistyped URL, and the code of a refusal', async () => {
    await fetch(`${service()}/api/v1/entitlement?user_id=u_1`, { method: 'POST' });
    await logged(/POST \/api\/v1\/entitlement → 404, not_found, /);
    await fetch(`${service()}/api/v1/entitlements?user_id=u_1`);
    await logged(/GET \/api\/v1\/entitlements → 401, unauthorized, /);
  });

  it('ends with 0 on Ctrl-C, while a program follows the changes', async () => {
    const stream = await openEventStream(
      `${service()}/api/v1/changes/stream`,
      printed('Keys', 'Project `demo`'),
      { connection: 'keep-alive' },
    );
    await stream.take(1);
    const exit = once(child, 'exit');
    child.kill('SIGINT');
    expect(await exit).toEqual([0, null]);
  }, 60_000);
});
