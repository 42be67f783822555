import type { AppDeps } from '../../../src/app.ts';
import { type ChangeDto, changeSchema } from '../../../src/changes/schemas.ts';
import { dispatchAll } from '../../../src/outbound/dispatcher.ts';
import { createSender } from '../../../src/outbound/send.ts';
import { text } from '../../helpers/json.ts';
import type { TestService } from '../../helpers/service.ts';
import { loopback, startReceiver } from '../../helpers/webhook-receiver.ts';

/** What a receiver does with a message. `lost`: it stores it, but its answer does not arrive. */
export const outcomes = ['ok', 'ok', 'error', 'hang', 'reset', 'lost'] as const;
export type Outcome = (typeof outcomes)[number];

/** Where a process that dispatches is killed. */
export const deaths = ['never', 'never', 'written', 'claimed', 'sent'] as const;
export type Death = (typeof deaths)[number];

class Killed extends Error {}

export interface WebhookReader {
  /** Publishes and dispatches on an instance, which is killed there. */
  dispatch: (deps: AppDeps, death: Death) => Promise<void>;
  /** Returns the changes of the messages, each id once, in each user's order. */
  changes: () => ChangeDto[];
  /** From now on, every message is accepted. */
  recover: () => void;
  /** Returns the number of messages that are not delivered. */
  left: () => Promise<number>;
  close: () => Promise<void>;
}

/** Starts an app that gets all changes of a project as webhooks, and fails as listed. */
export async function readByWebhook(
  service: TestService,
  key: string,
  behaviour: readonly Outcome[],
): Promise<WebhookReader> {
  const { pool } = service.deps.database;
  const receiver = await startReceiver();
  const stored = new Map<string, ChangeDto>();
  let isWell = false;
  receiver.answer = (response, message) => {
    const nth = receiver.received.length;
    const outcome = isWell ? 'ok' : (behaviour[nth % behaviour.length] ?? 'ok');
    if (outcome === 'ok' || outcome === 'lost') {
      stored.set(String(message.headers['webhook-id']), changeSchema.parse(message.body.data));
    }
    if (outcome === 'ok') response.writeHead(200).end();
    else if (outcome === 'error') response.writeHead(500).end();
    else if (outcome !== 'hang') response.destroy();
  };
  const made = await service.request('POST', '/admin/webhook-endpoints', {
    key,
    body: { url: receiver.url, types: ['entitlements.changed', 'entitlements.rescheduled'] },
  });
  const id = text(made.body, 'id');
  return {
    async dispatch(deps, death) {
      await deps.feed.look();
      await dispatchAll(mortal(deps, death)).catch(() => undefined);
    },
    changes: () =>
      [...stored.values()].toSorted(
        (a, b) =>
          a.user_id.localeCompare(b.user_id) || a.revision - b.revision || a.at.localeCompare(b.at),
      ),
    recover: () => {
      isWell = true;
    },
    async left() {
      const { rows } = await pool.query<{ count: number }>(
        `select count(*)::int from webhook_deliveries where endpoint_id = $1 and status <> 'delivered'`,
        [id],
      );
      return rows[0]?.count ?? 0;
    },
    async close() {
      await service.request('DELETE', `/admin/webhook-endpoints/${id}`, { key });
      await receiver.close();
    },
  };
}

/** Returns the dependencies of a process that is killed: what it did not commit or record is lost. */
function mortal(deps: AppDeps, death: Death): AppDeps {
  const sender = createSender({ ...deps, allowedNetworks: loopback, timeoutMs: 60 });
  return {
    ...deps,
    sender: {
      async send(message, signal) {
        if (death === 'claimed') throw new Killed();
        const attempt = await sender.send(message, signal);
        if (death === 'sent') throw new Killed();
        return attempt;
      },
    },
    database: {
      ...deps.database,
      transaction: (work, attempts) =>
        deps.database.transaction(async (tx) => {
          const result = await work(tx);
          if (death === 'written') throw new Killed();
          return result;
        }, attempts),
    },
  };
}
