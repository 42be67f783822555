import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { eventStatuses } from '../../webhook/stored-events.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import type { Api } from '../api.ts';
import type { Instance } from './instance.ts';
import type { User } from './oracle.ts';
import { askPatiently } from './patience.ts';
import { projectId } from './shop.ts';
import { wholeAnswer } from './readers.ts';

/* What has to be true when everything is over. */

const inboxShape = z.object({
  data: z.array(z.object({ id: z.string(), status: z.enum(eventStatuses) })),
  next_cursor: z.string().nullable(),
});

/** How long deliveries may go on, and after it the work on what they told, milliseconds. */
const withinMs = 60_000;

export interface InboxVerdict {
  acknowledged: number;
  inInbox: number;
  lost: string[];
  unprocessed: string[];
  undelivered: number;
}

/** Waits until Stripe has delivered everything and it is processed, and says what was not. */
export async function judgeInbox(api: Api, sandbox: Sandbox): Promise<InboxVerdict> {
  const untilAt = performance.now() + withinMs;
  while (sandbox.pendingDeliveries().length > 0 && performance.now() < untilAt) await sleep(200);
  let inbox = await loadInbox(api);
  const isOpen = (): boolean => [...inbox.values()].includes('pending');
  while (isOpen() && performance.now() < untilAt + withinMs) {
    await sleep(500);
    inbox = await loadInbox(api);
  }
  const deliveries = sandbox.deliveries();
  const acknowledged = new Set(
    deliveries.filter(({ status }) => status === 'delivered').map(({ eventId }) => eventId),
  );
  return {
    acknowledged: acknowledged.size,
    inInbox: inbox.size,
    lost: [...acknowledged].filter((id) => !inbox.has(id)),
    unprocessed: [...inbox].filter(([, status]) => status !== 'processed').map(([id]) => id),
    undelivered: new Set(deliveries.map(({ eventId }) => eventId)).size - acknowledged.size,
  };
}

async function loadInbox(api: Api): Promise<Map<string, string>> {
  const inbox = new Map<string, string>();
  for (let cursor = ''; ;) {
    const path = `/api/v1/admin/events?limit=100${cursor}`;
    const { data, next_cursor: next } = await askPatiently(
      api,
      { method: 'GET', path },
      { status: 200, shape: inboxShape },
    );
    for (const { id, status } of data) inbox.set(id, status);
    if (next === null) return inbox;
    cursor = `&cursor=${next}`;
  }
}

/** Asks every instance about every user, from the cache and from Postgres, and says who is told what is not so. */
export async function judgeUsers(
  users: readonly User[],
  instances: readonly Instance[],
  key: string,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, port, deaths } of instances) {
    if (deaths.length > 0) continue;
    const api = { serviceUrl: `http://127.0.0.1:${port}`, key };
    for (const user of users) {
      for (const how of ['', '&consistency=strong']) {
        const path = `/api/v1/entitlements?project_id=${projectId}&user_id=${user.id}${how}`;
        const body = await askPatiently(
          api,
          { method: 'GET', path },
          { status: 200, shape: z.unknown() },
        );
        const [told, right] = [wholeAnswer(body), user.answer].map((each) => JSON.stringify(each));
        if (told !== right) wrong.push(`${name} says of ${user.id}${how} ${told}, not ${right}`);
      }
    }
  }
  return wrong;
}
