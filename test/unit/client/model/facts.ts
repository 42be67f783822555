import type { Answer, Change } from '../../../../src/client/index.ts';
import { answerOf, entitlementOf } from '../answers.ts';

/** A window of a feature; the value names the grant that gave it. */
interface Window {
  from: number;
  until: number;
  value: number;
}

/** What the service records of one user from an instant on. */
interface Version {
  since: number;
  revision: number;
  windows: Record<string, readonly Window[]>;
}

export const features = ['export', 'seats'];

const none: Version = { since: 0, revision: 0, windows: {} };

/** The facts of the service: every version of each user, and the feed of changes. */
export class Facts {
  readonly feed: Change[] = [];
  /** The position before which the feed was deleted. */
  keptFrom = 0;
  onChange: () => void = () => undefined;
  readonly #versions = new Map<string, Version[]>();
  readonly #passed = new Set<string>();
  #grants = 0;

  /** Gives a feature for a window, beside what the user has of it later. */
  grant(userId: string, feature: string, from: number, until: number): void {
    const kept = this.#windows(userId, feature).filter((window) => window.from > until);
    this.#grants += 1;
    this.#write(userId, feature, [{ from, until, value: this.#grants }, ...kept]);
  }

  revoke(userId: string, feature: string): void {
    this.#write(userId, feature, []);
  }

  /** Reports the boundaries of all users that lie at this instant. */
  passBoundaries(): void {
    const now = Date.now();
    for (const userId of this.#versions.keys()) {
      const version = this.versionAt(userId, now);
      const isBoundary = Object.values(version.windows)
        .flat()
        .some(({ from, until }) => from === now || until === now);
      const name = `${userId} ${now}`;
      if (!isBoundary || version.since === now || this.#passed.has(name)) continue;
      this.#passed.add(name);
      this.#report(userId, version, version, now);
    }
  }

  versionAt(userId: string, instant: number): Version {
    return this.#versions.get(userId)?.findLast(({ since }) => since <= instant) ?? none;
  }

  /** Returns every version that held in a span of time. */
  versionsWithin(userId: string, from: number, until: number): Version[] {
    const later = this.#versions.get(userId) ?? [];
    const within = later.filter(({ since }) => since > from && since <= until);
    return [this.versionAt(userId, from), ...within];
  }

  /** Answers as the service does. */
  answer(userId: string, { revision, windows }: Version, instant: number): Answer {
    const given = features.flatMap((code) => {
      const window = windowAt(windows[code], instant);
      return window === undefined ? [] : [{ code, window }];
    });
    const next = nextChangeAt(windows, instant);
    return answerOf(userId, {
      revision,
      next_change_at: next === Infinity ? null : iso(next),
      entitlements: given.map(({ code, window: { value, until } }) =>
        entitlementOf(code, { type: 'limit', value, valid_to: iso(until) }),
      ),
      denied: Object.fromEntries(
        features
          .filter((code) => windowAt(windows[code], instant) === undefined)
          .map((code) => [code, 'no_source']),
      ),
    });
  }

  #windows(userId: string, feature: string): readonly Window[] {
    return this.versionAt(userId, Date.now()).windows[feature] ?? [];
  }

  #write(userId: string, feature: string, windows: Window[]): void {
    const now = Date.now();
    const before = this.versionAt(userId, now);
    // Two changes of one user never have the same instant.
    if (before.since === now) return;
    const version = {
      since: now,
      revision: before.revision + 1,
      windows: { ...before.windows, [feature]: windows },
    };
    this.#versions.set(userId, [...(this.#versions.get(userId) ?? []), version]);
    this.#report(userId, before, version, now);
  }

  #report(userId: string, before: Version, after: Version, now: number): void {
    const had = features.filter((code) => windowAt(before.windows[code], now - 1) !== undefined);
    const has = features.filter((code) => windowAt(after.windows[code], now) !== undefined);
    const next = nextChangeAt(after.windows, now);
    this.feed.push({
      cursor: String(this.feed.length + 1),
      project_id: 'notes',
      user_id: userId,
      revision: after.revision,
      cause: before === after ? 'boundary' : 'operator',
      at: iso(now),
      recorded_at: iso(now),
      gained: has.filter((code) => !had.includes(code)),
      lost: had.filter((code) => !has.includes(code)),
      changed: [],
      next_change_at: next === Infinity ? null : iso(next),
    });
    this.onChange();
  }
}

export function windowAt(
  windows: readonly Window[] | undefined,
  instant: number,
): Window | undefined {
  return windows?.find(({ from, until }) => from <= instant && instant < until);
}

function nextChangeAt(windows: Version['windows'], instant: number): number {
  const ends = Object.values(windows).flatMap((each) =>
    each.flatMap(({ from, until }) => [from, until]),
  );
  return Math.min(...ends.filter((end) => end > instant));
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}
