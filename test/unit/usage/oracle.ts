/*
 * A second implementation of the rules, slow and literal. It walks through time by half days, finds periods by
 * counting days, and keeps every unit as an object of its own. It shares no code with the service.
 */
import { type Due, dueAt, versionAt } from './oracle-periods.ts';
import { halfDayMs, type Version, type World, type WorldSource } from './world.ts';

/** A bucket as the oracle sees it: units in a row, from which the first `spent` are gone. */
export interface OracleBucket extends Due {
  part: string;
  priceId: string;
  units: Unit[];
  used: number;
  held: number;
  from: number;
  to: number;
}

/** A bucket that is current at an instant. */
interface Current extends Due {
  amount: number;
  priceId: string;
}

/** One unit; `age` counts the ends of periods that it has lived through. */
interface Unit {
  owner: number;
  age: number;
}

/** One spent or held unit. */
interface Spent {
  deed: string;
  part: string;
  birth: number;
  /** When a hold ends; null once the unit is used. */
  heldUntil: number | null;
}

/** What is remembered of a bucket from which units were taken. */
interface Note extends Due {
  part: string;
  priceId: string;
  amount: number;
  at: number;
}

export function createOracle(world: World) {
  let spent: Spent[] = [];
  const notes = new Map<string, Note>();

  const isLive = ({ heldUntil }: Spent, t: number) => heldUntil === null || t < heldUntil;
  const liveOn = (part: string, birth: number, t: number) =>
    spent.filter((one) => one.part === part && one.birth === birth && isLive(one, t));
  const notesInUse = (part: string, t: number) =>
    [...notes.values()].filter((one) => one.part === part && liveOn(part, one.birth, t).length > 0);

  /** Which bucket of a source is current at `tau`, as its buckets in use say. */
  function currentAt(source: WorldSource, tau: number, inUse: readonly Note[]): Current {
    const version = versionAt(source, tau);
    const due = dueAt(source, version, tau);
    const ofVersion = { amount: version.amount, priceId: version.priceId };
    const isOfPlan = ({ label, priceId }: Note) =>
      priceId === version.priceId || label === due.label;
    const begun = inUse
      .filter(({ birth, label }) => label !== 'once' && label !== 'trial' && birth <= tau)
      .sort((a, b) => a.birth - b.birth);
    let latest = begun.pop();
    if (latest !== undefined && !isOfPlan(latest)) {
      // The plan was changed: the used units lie in the new plan's period of their last use, or in its first
      // one if the bucket was running when that began.
      const wasRunning = version.anchorAt < latest.end;
      const first = wasRunning ? version.anchorAt : latest.end - halfDayMs;
      const { end, label } = dueAt(source, version, latest.at > first ? latest.at : first);
      latest = { ...latest, end, label, ...ofVersion };
    } else if (latest?.label === due.label) latest = { ...latest, ...ofVersion };
    if (latest !== undefined && tau < latest.end) return latest;
    for (const note of inUse) {
      if (note.label !== 'once') continue;
      if (due.label === 'once') return { ...note, end: Infinity, ...ofVersion };
      const { end } = dueAt(source, version, note.at);
      const amount = isOfPlan(note) ? note.amount : version.amount;
      if (tau < end) return { ...note, end, amount };
    }
    let { birth } = due;
    const ended = latest === undefined ? begun : [...begun, latest];
    for (const { end } of ended) if (end <= tau && end > birth) birth = end;
    return { ...due, birth, ...ofVersion };
  }

  /** The bucket of a source at `t`: everything that happened to it is played again from its start. */
  function bucketOf(source: WorldSource, t: number): OracleBucket | null {
    const currents = new Map<number, { due: Current; units: Unit[] }>();
    let last: { birth: number; windowFrom: number; carried: Unit[] } | undefined;
    const inUse = notesInUse(source.part, t);
    for (let tau = source.startAt; tau <= t; tau += halfDayMs) {
      const window = source.windows.find(({ from, to }) => from <= tau && tau < to);
      if (window === undefined) continue;
      const due = currentAt(source, tau, inUse);
      if (last?.birth !== due.birth || last.windowFrom !== window.from) {
        const carried: Unit[] = due.birth <= window.from ? [] : carriedAt(source, due.birth, t);
        last = { birth: due.birth, windowFrom: window.from, carried };
      }
      const own = Array.from({ length: due.amount }, () => ({ owner: due.birth, age: 0 }));
      currents.set(tau, { due, units: [...last.carried, ...own] });
    }

    function carriedAt({ part, knownAt }: WorldSource, birth: number, seenAt: number): Unit[] {
      const tau = birth - halfDayMs;
      const before = tau < knownAt ? undefined : currents.get(tau);
      if (before === undefined || before.due.label === 'once') return [];
      const gone = liveOn(part, before.due.birth, seenAt).length;
      const left = before.units.slice(gone);
      const isOwn = ({ owner }: Unit) => owner === before.due.birth;
      if (before.due.end > birth) return left.filter((unit) => !isOwn(unit));
      const aged = left.map(({ owner, age }) => ({ owner, age: age + 1 }));
      return allowedBy(versionAt(source, tau), aged);
    }

    const now = currents.get(t);
    const window = source.windows.find(({ from, to }) => from <= t && t < to);
    if (now === undefined || window === undefined) return null;
    const { amount, ...due } = now.due;
    const carried = allowedBy(versionAt(source, t), now.units.slice(0, now.units.length - amount));
    const live = liveOn(source.part, due.birth, t);
    return {
      part: source.part,
      birth: due.birth,
      end: due.end,
      label: due.label,
      priceId: due.priceId,
      units: [...carried, ...now.units.slice(now.units.length - amount)],
      used: live.filter(({ heldUntil }) => heldUntil === null).length,
      held: live.filter(({ heldUntil }) => heldUntil !== null).length,
      from: Math.max(due.birth, window.from),
      to: Math.min(due.end, window.to),
    };
  }

  /** The buckets of an instant, in the order of use; `unlimited` if nothing limits it. */
  function bucketsAt(t: number): OracleBucket[] | 'unlimited' {
    if (world.unlimited.from <= t && t < world.unlimited.to) return 'unlimited';
    const found = world.sources.map((source) => bucketOf(source, t)).filter((one) => one !== null);
    const order: OracleBucket[] = [];
    while (order.length < found.length) {
      let rest = found.filter((one) => !order.includes(one));
      const end = Math.min(...rest.map(({ to }) => to));
      rest = rest.filter(({ to }) => to === end);
      if (rest.some(({ label }) => label !== 'once'))
        rest = rest.filter((one) => one.label !== 'once');
      const start = Math.min(...rest.map(({ from }) => from));
      rest = rest.filter(({ from }) => from === start);
      const first = rest.sort((a, b) => (a.part < b.part ? -1 : 1))[0];
      if (first !== undefined) order.push(first);
    }
    return order;
  }

  const leftOf = ({ units, used, held }: OracleBucket) => units.length - used - held;

  /** Takes one unit from the first bucket that has one, or overdraws the one that ends last. */
  function takeOne(deed: string, t: number, heldUntil: number | null, orElse?: Spent): void {
    const buckets = bucketsAt(t);
    if (buckets === 'unlimited') {
      spent.push({ deed, part: 'unlimited', birth: 0, heldUntil });
      return;
    }
    const bucket = buckets.find((one) => leftOf(one) > 0) ?? buckets.at(-1);
    if (bucket === undefined) {
      if (orElse !== undefined) spent.push({ ...orElse, deed, heldUntil });
      return;
    }
    const { part, birth, end, label, priceId } = bucket;
    const own = bucket.units.filter(({ owner }) => owner === birth).length;
    spent.push({ deed, part, birth, heldUntil });
    notes.set(`${part} ${birth}`, { part, birth, end, label, amount: own, at: t, priceId });
  }

  function take(
    deed: string,
    t: number,
    amount: number,
    { overage, partial }: { overage: 'deny' | 'allow'; partial: boolean },
    heldUntil: number | null,
  ): number {
    const buckets = bucketsAt(t);
    let count = amount;
    if (buckets !== 'unlimited' && overage === 'deny') {
      const left = buckets.reduce((sum, bucket) => sum + leftOf(bucket), 0);
      if (left < amount) count = partial && left > 0 ? left : 0;
    }
    if (buckets.length === 0) return 0;
    for (let n = 0; n < count; n += 1) takeOne(deed, t, heldUntil);
    return count;
  }

  /** A settled unit leaves its bucket as it is now: it may have another end or amount than at the hold. */
  function noteAgain({ part, birth }: Spent, t: number): void {
    const buckets = bucketsAt(t);
    const now =
      buckets === 'unlimited'
        ? undefined
        : buckets.find((one) => one.part === part && one.birth === birth);
    if (now === undefined) return;
    const { end, label, priceId, units } = now;
    const amount = units.filter(({ owner }) => owner === birth).length;
    notes.set(`${part} ${birth}`, { part, birth, end, label, amount, at: t, priceId });
  }

  return {
    bucketsAt,
    leftOf,
    usedUnlimited: (t: number) => liveOn('unlimited', 0, t).length,
    consume: (
      deed: string,
      t: number,
      amount: number,
      rules: { overage: 'deny' | 'allow'; partial: boolean },
    ) => take(deed, t, amount, rules, null),
    hold: (
      deed: string,
      t: number,
      amount: number,
      rules: { overage: 'deny' | 'allow'; expiresAt: number },
    ) => take(deed, t, amount, { ...rules, partial: false }, rules.expiresAt),
    settle(hold: string, deed: string, t: number, amount: number): void {
      const kept = spent.filter((one) => one.deed === hold);
      for (const [index, one] of kept.entries()) {
        if (index >= amount) continue;
        noteAgain(one, t);
        one.deed = deed;
        one.heldUntil = null;
      }
      for (let n = kept.length; n < amount; n += 1) takeOne(deed, t, null, kept.at(-1));
      spent = spent.filter((one) => one.deed !== hold);
    },
    reverse(deed: string): void {
      spent = spent.filter((one) => one.deed !== deed);
    },
  };
}

/** Drops the carried units that a rule does not let live: the too old, then the oldest above `max`. */
function allowedBy({ rollover }: Version, units: readonly Unit[]): Unit[] {
  const left = units.filter(({ age }) => rollover !== null && age <= rollover.periods);
  while (rollover !== null && left.length > rollover.max) left.shift();
  return left;
}
