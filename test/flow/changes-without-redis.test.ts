import { expect, inject, it } from 'vitest';
import { startBackground } from '../../src/background.ts';
import { openEventStream } from '../helpers/event-stream.ts';
import { at } from '../helpers/json.ts';
import { startRedisProxy } from '../helpers/redis-proxy.ts';
import { startReceiver } from '../helpers/webhook-receiver.ts';
import { startWebhookWorld } from '../helpers/webhook-world.ts';

it.each(['hangs', 'is down'])(
  'while Redis %s, changes reach streams and webhooks',
  async (outage) => {
    const redis = await startRedisProxy(inject('redisUrl'));
    const world = await startWebhookWorld({ redisUrl: redis.url });
    const { service, notes } = world;
    const receiver = await startReceiver();
    const background = startBackground(service.deps);
    const url = await service.listen();
    const stream = await openEventStream(`${url}/api/v1/changes/stream`, notes.key);
    try {
      await stream.take(1);
      await world.create({ url: receiver.url });
      const users = [await world.grant()];
      await Promise.all([stream.take(2), receiver.until(1)]);
      if (outage === 'hangs') redis.hold();
      else await redis.close();
      users.push(await world.grant(), await world.grant());
      await Promise.all([stream.take(4), receiver.until(3)]);
      expect(stream.events.slice(1).map(({ data }) => at(data, 'user_id'))).toEqual(users);
      const sent = receiver.received.map(({ body }) => body.data);
      expect(sent.map((data) => data['user_id']).toSorted()).toEqual(users);
      for (const data of sent) expect(data).toMatchObject({ entitlements: [{ value: true }] });
    } finally {
      stream.close();
      await background.stop();
      await service.close();
      await receiver.close();
      if (outage === 'hangs') await redis.close();
    }
  },
);
