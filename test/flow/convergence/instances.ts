import { type AppDeps, buildApp } from '../../../src/app.ts';
import { createCache } from '../../../src/entitlements/read/cache.ts';
import { ApartClock, type TestClock } from '../../helpers/clock.ts';
import { requestTo, type TestService } from '../../helpers/service.ts';

/** An instance of the application; its clock may be apart from Stripe's, and be set. */
export interface Instance extends Pick<TestService, 'app' | 'request'> {
  deps: AppDeps;
  clock: ApartClock;
}

/** A webhook whose signature is five minutes old, by the clock of who gets it, is refused. */
export const mostApartMs = 240_000;

/** A further instance on the database and the Redis of a service. */
export async function openInstance({ deps: shared }: TestService, clock: TestClock) {
  const apart = new ApartClock(clock);
  const opened = { ...shared, clock: apart.now, monotonic: apart.monotonic };
  const deps = { ...opened, cache: createCache({ ...opened, cacheTtlSeconds: 60 }) };
  const app = await buildApp(deps);
  return { app, deps, clock: apart, request: requestTo(app) } satisfies Instance;
}

/** Sets an instance's clock, forward or back. */
export function setClock({ clock }: Instance, byMs: number): void {
  clock.aheadMs = Math.max(-mostApartMs, Math.min(mostApartMs, clock.aheadMs + byMs));
}
