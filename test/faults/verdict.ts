import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Api } from '../../src/dev/api.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import type { Delivery } from '../../src/sandbox/state/tables.ts';
import { eventStatuses } from '../../src/webhook/stored-events.ts';
import type { Instance } from './instance.ts';
import type { User } from './oracle.ts';
import { askPatiently } from './patience.ts';
import { wholeAnswer } from './readers.ts';
import { projectId } from './shop.ts';

/* The checks at the end of a run. */

const eventShape = z.object({ id: z.string(), status: z.enum(eventStatuses) });
const entryShape = z.object({ id: z.string() });

/** How long deliveries may continue, and then the processing of their events, milliseconds. */
const withinMs = 60_000;

export interface InboxVerdict {
  acknowledged: number;
  inInbox: number;
  lost: string[];
  unprocessed: string[];
  /** Events that are in the inbox more than once. */
  repeated: string[];
  undelivered: number;
}

/** Waits until Stripe has delivered all events and they are processed. Returns what was not. */
export async function judgeInbox(api: Api, sandbox: Sandbox): Promise<InboxVerdict> {
  const untilAt = performance.now() + withinMs;
  // `keepDelivering` resends events that were given up, which it looks for every few seconds.
  const isUnderWay = (): boolean => compareInbox(sandbox.deliveries(), []).undelivered > 0;
  while (isUnderWay() && performance.now() < untilAt) await sleep(200);
  let inbox = await loadInbox(api);
  const isOpen = (): boolean => inbox.some(({ status }) => status === 'pending');
  while (isOpen() && performance.now() < untilAt + withinMs) {
    await sleep(500);
    inbox = await loadInbox(api);
  }
  return compareInbox(sandbox.deliveries(), inbox);
}

/** Compares the sent events with those in the inbox. Pure. */
export function compareInbox(
  deliveries: readonly Pick<Delivery, 'eventId' | 'status'>[],
  inbox: readonly z.infer<typeof eventShape>[],
): InboxVerdict {
  const known = new Map(inbox.map(({ id, status }) => [id, status]));
  const acknowledged = new Set(
    deliveries.filter(({ status }) => status === 'delivered').map(({ eventId }) => eventId),
  );
  return {
    acknowledged: acknowledged.size,
    inInbox: known.size,
    lost: [...acknowledged].filter((id) => !known.has(id)),
    unprocessed: [...known].filter(([, status]) => status !== 'processed').map(([id]) => id),
    repeated: inbox
      .filter(({ id }, index) => inbox.findIndex((each) => each.id === id) < index)
      .map(({ id }) => id),
    undelivered: new Set(deliveries.map(({ eventId }) => eventId)).size - acknowledged.size,
  };
}

function loadInbox(api: Api): Promise<z.infer<typeof eventShape>[]> {
  return loadAll(api, '/api/v1/admin/events?limit=100', eventShape);
}

export interface WordsVerdict {
  acknowledged: number;
  recorded: number;
}

/** Number of acknowledged grants and revocations, and of those in the audit. */
export async function judgeWords(api: Api, acknowledged: number): Promise<WordsVerdict> {
  let recorded = 0;
  for (const action of ['grant.create', 'revocation.create']) {
    const path = `/api/v1/admin/audit?limit=100&project_id=${projectId}&action=${action}`;
    recorded += (await loadAll(api, path, entryShape)).length;
  }
  return { acknowledged, recorded };
}

/** Loads everything in a list, page by page. */
async function loadAll<T>(api: Api, first: string, row: z.ZodType<T>): Promise<T[]> {
  const shape = z.object({ data: z.array(row), next_cursor: z.string().nullable() });
  const rows: T[] = [];
  for (let path = first; ;) {
    const call = { method: 'GET', path } as const;
    const { data, next_cursor: next } = await askPatiently(api, call, { status: 200, shape });
    rows.push(...data);
    if (next === null) return rows;
    path = `${first}&cursor=${next}`;
  }
}

export interface FinalAnswers {
  asked: number;
  /** Users who get a wrong answer. */
  wrong: string[];
}

/** Reads every user from every instance, as usual and straight from Postgres. */
export async function judgeUsers(
  users: readonly User[],
  instances: readonly Instance[],
  key: string,
): Promise<FinalAnswers> {
  const wrong: string[] = [];
  let asked = 0;
  // Instances that ended unexpectedly are a fault already, and answer nothing.
  for (const { name, port } of instances.filter(({ deaths }) => deaths.length === 0)) {
    const api = { serviceUrl: `http://127.0.0.1:${port}`, key };
    for (const user of users) {
      for (const how of ['', '&consistency=strong']) {
        const path = `/api/v1/entitlements?project_id=${projectId}&user_id=${user.id}${how}`;
        const body = await askPatiently(
          api,
          { method: 'GET', path },
          { status: 200, shape: z.unknown() },
        );
        asked += 1;
        const [told, right] = [wholeAnswer(body), user.answer].map((each) => JSON.stringify(each));
        if (told !== right)
          wrong.push(`${name} answers for ${user.id}${how} ${told} instead of ${right}`);
      }
    }
  }
  return { asked, wrong };
}
