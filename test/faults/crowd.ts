import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { type Answer, type Asked, type Change, judge, type OldAnswer, User } from './oracle.ts';
import type { Shop } from './shop.ts';
import type { Deed } from './substance.ts';

/** Number of buyers, who are also the users of the operators' actions. */
const buyers = 150;

/** How long a user is read often after a change, milliseconds. */
const recentMs = 8_000;

/** The environment of the run. */
export interface Place {
  /** The URL of the balancer. */
  url: string;
  adminKey: string;
  shop: Shop;
  sandbox: Sandbox;
}

/** All users of the shop, what is known of them, and the results of the run. */
export class Crowd {
  readonly place: Place;
  readonly buyers: readonly User[];
  readonly users: readonly User[];
  readonly old: OldAnswer[] = [];
  /** Violations, as sentences. */
  readonly wrong: string[] = [];
  /** Number of answers that the oracle judged. */
  judged = 0;
  /** Number of actions, by kind. */
  readonly done = new Map<Deed, number>();
  /** Returns a number from 0 to 1. */
  readonly random: () => number;
  readonly #busy = new Set<object>();
  readonly #changedAt = new Map<User, number>();

  constructor(place: Place, random: () => number) {
    this.place = place;
    this.random = random;
    this.buyers = Array.from({ length: buyers }, (_, number) => new User(`user_${number}`));
    this.users = [...this.buyers, ...place.shop.members.map((id) => new User(id, true))];
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)] as T; // the list is never empty
  }

  /** In half of the cases, picks a user for whom something changed recently. */
  pickReader(): User {
    const since = performance.now() - recentMs;
    const lately = this.users.filter((each) => (this.#changedAt.get(each) ?? -Infinity) > since);
    return this.pick(this.random() < 0.5 && lately.length > 0 ? lately : this.users);
  }

  /** Runs an action that only one actor may take on `subject` at a time; concurrent ones are skipped. */
  async alone(subject: object, act: () => Promise<void>): Promise<void> {
    if (this.#busy.has(subject)) return;
    this.#busy.add(subject);
    try {
      await act();
    } finally {
      this.#busy.delete(subject);
    }
  }

  /** From now on the change may be in effect. */
  begin<V>(
    user: User,
    register: { begin(value: V, from: number): Change<V> },
    value: V,
  ): Change<V> {
    this.#changedAt.set(user, performance.now());
    return register.begin(value, performance.now());
  }

  /** Records that the change was acknowledged, at an instant of `performance.now()`. */
  finish(user: User, change: Change<unknown>, at: number): void {
    change.by = Math.min(change.by, at);
    this.#changedAt.set(user, performance.now());
  }

  /** Lets the oracle judge an answer that a user got, and records violations. */
  judge(user: User, { askedAt, answeredAt }: Asked, told: Partial<Answer>): void {
    const asked = { askedAt, answeredAt };
    this.judged += 1;
    const judgement = judge(user, asked, told);
    if (judgement.kind === 'wrong') {
      this.wrong.push(`${user.id} got ${JSON.stringify(told)}, which was never right`);
    } else if (judgement.kind === 'old') {
      this.old.push({ user, asked, told, lagMs: judgement.lagMs });
    }
  }

  count(kind: Deed): void {
    this.done.set(kind, (this.done.get(kind) ?? 0) + 1);
  }
}
