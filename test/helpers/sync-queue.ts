import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { SyncedType, Urgency } from '../../src/webhook/core/events.ts';
import { createInbox } from '../../src/webhook/inbox.ts';
import {
  type Claim,
  claimQueued,
  maxAttempts,
  recordFailure,
} from '../../src/webhook/sync-queue.ts';
import { startTestService, type TestService } from './service.ts';

/** The sync queue without Stripe and without a worker; empty in each test. */
export interface TestQueue {
  readonly service: TestService;
  /** Stores an event that names an object, a subscription by default. */
  tell: (objectId: string, urgency: Urgency, objectType?: SyncedType) => Promise<void>;
  claim: (of?: 'buyers' | 'others' | 'all', quietMs?: number, limit?: number) => Promise<Claim[]>;
  /** Claims the only object that is due; throws if it is not the only one. */
  claimOne: (limit?: number) => Promise<Claim>;
  /** Records a failed attempt; returns whether the object has failed. */
  fail: (claim: Claim, counts?: boolean, retryMs?: number) => Promise<boolean>;
  /** Fails all attempts of an object except the last `spare`. */
  failUntil: (spare: number) => Promise<void>;
}

/** Gives each test of the calling file an empty queue, of a service that all of its tests share. */
export function useQueue(): TestQueue {
  let service: TestService;
  let told = 0;
  beforeAll(async () => {
    service = await startTestService();
  });
  beforeEach(async () => {
    await service.deps.database.pool.query('delete from followed_objects');
  });
  afterAll(() => service.close());
  const queue: TestQueue = {
    get service() {
      return service;
    },
    async tell(objectId, urgency, objectType = 'subscription') {
      told += 1;
      const event = {
        id: `evt_${told}`,
        object: 'event' as const,
        type: 'of_the_test',
        created: 1,
        livemode: false,
        data: { object: {} },
      };
      const objects = [{ objectType, objectId }];
      await createInbox(service.deps).store(event, Buffer.from('{}'), {
        outcome: 'accepted',
        objects,
        urgency,
      });
    },
    claim: (of = 'all', quietMs = 0, limit = 100) =>
      claimQueued(service.deps.database, service.clock.now(), { limit, of, quietMs }),
    async claimOne(limit) {
      const [one, ...more] = await queue.claim('all', 0, limit);
      if (one === undefined || more.length > 0) throw new Error('expected one claim');
      return one;
    },
    fail(claim, counts = true, retryMs = 1_000) {
      const failure = { counts, retryMs, error: 'no luck' };
      return recordFailure(service.deps.database, claim, failure, service.clock.now());
    },
    async failUntil(spare) {
      for (let attempt = 0; attempt < maxAttempts - spare; attempt += 1) {
        await queue.fail(await queue.claimOne());
        service.clock.advance(1_000);
      }
    },
  };
  return queue;
}
