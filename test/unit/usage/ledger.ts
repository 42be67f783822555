/* The service around the core, in memory: it loads the facts of an instant and keeps what a deed writes. */
import type { Booking, BucketRow, Hold, UsageFacts } from '../../../src/usage/core/facts.ts';
import { consume, hold, type Outcome, reverse, settle } from '../../../src/usage/core/deeds.ts';
import { isOpen } from '../../../src/usage/core/balance.ts';
import type { World, WorldSource } from './world.ts';

export function createLedger(world: World) {
  let rows: readonly BucketRow[] = [];
  let holds: readonly Hold[] = [];
  const entries = new Map<string, Booking[]>();

  function factsAt(t: number): UsageFacts {
    const isUnlimited = world.unlimited.from <= t && t < world.unlimited.to;
    return {
      allowances: isUnlimited
        ? 'unlimited'
        : world.sources.flatMap((source) => {
            const window = source.windows.find(({ from, to }) => from <= t && t < to);
            if (window === undefined) return [];
            return [{ ...allowanceAt(source, t), ...window, source: sourceOf(source) }];
          }),
      past: world.sources.flatMap(pastOf),
      rows,
      holds,
    };
  }

  function keep(deed: string, { facts, bookings, units }: Outcome): number {
    rows = facts.rows;
    holds = facts.holds;
    entries.set(deed, bookings);
    return units;
  }

  return {
    factsAt,
    rows: () => rows,
    entries,
    openHold: (id: string, t: number) => holds.find((one) => one.id === id && isOpen(one, t)),
    consume: (
      deed: string,
      t: number,
      amount: number,
      rules: { overage: 'deny' | 'allow'; partial: boolean },
    ) => keep(deed, consume(factsAt(t), amount, rules, t)),
    hold(
      id: string,
      t: number,
      amount: number,
      rules: { overage: 'deny' | 'allow'; expiresAt: number },
    ): number {
      const { facts, units } = hold(factsAt(t), amount, { id, ...rules }, t);
      rows = facts.rows;
      holds = facts.holds;
      return units;
    },
    settle: (open: Hold, deed: string, t: number, amount: number) =>
      keep(deed, settle(factsAt(t), open, amount, t)),
    reverse(deed: string, t: number): void {
      const { facts } = reverse(factsAt(t), entries.get(deed) ?? [], t);
      rows = facts.rows;
      entries.delete(deed);
    },
  };
}

function allowanceAt({ part, startAt, versions }: WorldSource, t: number) {
  const version = versions.findLast(({ at }) => at <= t);
  if (version === undefined) throw new Error('The source has not begun.');
  const { at, ...given } = version;
  return { part, startAt, ...given };
}

function sourceOf({ part }: WorldSource) {
  return { type: 'subscription' as const, id: `sub_${part}`, price_id: 'price' };
}

/** What was known and counted: each version, within the windows, from when the source was known. */
function pastOf(source: WorldSource) {
  const { versions, windows, knownAt } = source;
  return versions.flatMap(({ at }, index) =>
    windows.flatMap((window) => {
      const from = Math.max(at, window.from, knownAt);
      const to = Math.min(versions[index + 1]?.at ?? Infinity, window.to);
      return from < to ? [{ allowance: allowanceAt(source, at), from, to }] : [];
    }),
  );
}
