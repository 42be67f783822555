import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { useServices } from '../helpers/services.ts';

const start = useServices();

describe('X-Forwarded-For', () => {
  const forwarded = { 'x-forwarded-for': '203.0.113.1' };

  it('is counted and warned of once an hour where no proxy is trusted', async () => {
    const lines: string[] = [];
    const log = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString());
        done();
      },
    });
    const service = await start({ log });
    const warnings = (): number =>
      lines.filter((line) => line.includes('set TRUSTED_PROXIES')).length;
    for (let count = 0; count < 3; count += 1) {
      await service.request('GET', '/entitlements', { headers: forwarded });
    }
    await service.request('GET', '/entitlements');
    expect(warnings()).toBe(1);
    const { values } = await service.deps.metrics.untrustedForwarded.get();
    expect(values[0]?.value).toBe(3);
    service.clock.advance(3_600_000);
    await service.request('GET', '/entitlements', { headers: forwarded });
    expect(warnings()).toBe(2);
  });

  it('of a trusted proxy is neither', async () => {
    const service = await start({ config: { trustedProxies: ['loopback'] } });
    await service.request('GET', '/entitlements', { headers: forwarded });
    const { values } = await service.deps.metrics.untrustedForwarded.get();
    expect(values[0]?.value).toBe(0);
  });
});
