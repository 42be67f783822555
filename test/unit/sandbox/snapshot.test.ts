import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dayMs, openFixture, openReceiver, startAt, subscribe } from './fixture.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sandbox-'));
});
afterEach(() => rm(directory, { recursive: true }));

it('objects and the time outlive a restart, and go on from there', async () => {
  const stateFile = path.join(directory, 'state', 'sandbox.json');
  const first = await openFixture({ stateFile });
  const { id } = await subscribe(first);
  await first.sandbox.clock.advance(10 * dayMs);
  await first.close();

  const second = await openFixture({ stateFile });
  expect(second.sandbox.clock.now()).toBe(startAt + 10 * dayMs);
  await second.sandbox.clock.advance(30 * dayMs);
  const subscription = await second.stripe.subscriptions.retrieve(id, {
    expand: ['latest_invoice'],
  });
  expect(subscription).toMatchObject({
    status: 'active',
    latest_invoice: { billing_reason: 'subscription_cycle', status: 'paid' },
  });
  await second.close();
});

it('webhooks that were not delivered are sent after the restart', async () => {
  const stateFile = path.join(directory, 'sandbox.json');
  const receiver = await openReceiver();
  const endpoints = [{ url: receiver.url, secret: 'whsec_x' }];
  const first = await openFixture({ stateFile, endpoints });
  await first.stripe.customers.create({});
  await first.close();

  const second = await openFixture({ stateFile, endpoints });
  await second.sandbox.deliver();
  expect(receiver.received.map(({ event }) => event.type)).toEqual(['customer.created']);
  await second.close();
  await receiver.close();
});

it('a file that is something else is refused, not overwritten', async () => {
  const stateFile = path.join(directory, 'sandbox.json');
  await writeFile(stateFile, '{"version": 99}');
  await expect(openFixture({ stateFile })).rejects.toThrow('not a sandbox snapshot');
});
