import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { type Answer, type Asked, type Change, judge, type OldAnswer, User } from './oracle.ts';
import type { Shop } from './shop.ts';
import type { Deed } from './substance.ts';

/** How many buyers there are, who are also whom operators deal with. */
const buyers = 150;

/** How long after a change a user is asked about often, milliseconds. */
const recentMs = 8_000;

/** Where everything happens. */
export interface Place {
  /** The balancer's. */
  url: string;
  adminKey: string;
  shop: Shop;
  sandbox: Sandbox;
}

/** Everybody who uses the shop, what is known of them, and what became of it. */
export class Crowd {
  readonly place: Place;
  readonly buyers: readonly User[];
  readonly users: readonly User[];
  readonly old: OldAnswer[] = [];
  /** What must never be, in words. */
  readonly wrong: string[] = [];
  /** How many answers the oracle was asked about. */
  judged = 0;
  /** How often what was done, by kind. */
  readonly done = new Map<Deed, number>();
  /** From 0 to 1. */
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
    return from[Math.floor(this.random() * from.length)] as T; // nobody picks from nothing
  }

  /** Half of the time somebody for whom something changed lately. */
  pickReader(): User {
    const since = performance.now() - recentMs;
    const lately = this.users.filter((each) => (this.#changedAt.get(each) ?? -Infinity) > since);
    return this.pick(this.random() < 0.5 && lately.length > 0 ? lately : this.users);
  }

  /** Lets one do what may be done to `subject` by one alone; whoever comes meanwhile does nothing. */
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

  /** Somebody was told that the change is done, at an instant of `performance.now()`. */
  finish(user: User, change: Change<unknown>, at: number): void {
    change.by = Math.min(change.by, at);
    this.#changedAt.set(user, performance.now());
  }

  /** Asks the oracle about what a user was told, and keeps what it says against it. */
  judge(user: User, { askedAt, answeredAt }: Asked, told: Partial<Answer>): void {
    const asked = { askedAt, answeredAt };
    this.judged += 1;
    const judgement = judge(user, asked, told);
    if (judgement.kind === 'wrong') {
      this.wrong.push(`${user.id} was told ${JSON.stringify(told)}, which was never right`);
    } else if (judgement.kind === 'old') {
      this.old.push({ user, asked, told, lagMs: judgement.lagMs });
    }
  }

  count(kind: Deed): void {
    this.done.set(kind, (this.done.get(kind) ?? 0) + 1);
  }
}
