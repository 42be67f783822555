/*
 * What each user may be told, derived only from the actions on them: it shares no rule with the service. Each
 * thing that can change has a list of changes, each with the interval in which it took effect. A read may
 * return any combination that was in effect at some instant between the request and the answer.
 *
 * All instants are milliseconds of one monotonic clock.
 */

/** `by` is Infinity until the change is acknowledged. */
export interface Change<V> {
  value: V;
  from: number;
  by: number;
}

export type MaybeLate = (change: Change<unknown>) => boolean;

/** One thing that changes over time. */
class Register<V> {
  readonly changes: Change<V>[];

  constructor(first: V) {
    this.changes = [{ value: first, from: -Infinity, by: -Infinity }];
  }

  get last(): V {
    return this.changes[this.changes.length - 1]?.value as V; // the list is never empty
  }

  /** Adds a change that may be in effect from now on; its caller sets `by` once it is acknowledged. */
  begin(value: V, from: number): Change<V> {
    const change = { value, from, by: Infinity };
    this.changes.push(change);
    return change;
  }

  /** Returns what may be seen if the acknowledged changes that `maybeLate` names need not show yet. */
  seen({ askedAt, answeredAt }: Asked, maybeLate: MaybeLate): V[] {
    const newestDone = this.changes.findLastIndex(
      (change) => change.by <= askedAt && !maybeLate(change),
    );
    return this.changes
      .filter(({ from }, index) => index >= newestDone && from <= answeredAt)
      .map(({ value }) => value);
  }
}

export type Plan = 'none' | 'pro' | 'team';
export type Word = 'none' | 'granted' | 'revoked';

/** The known state of one user. */
export class User {
  readonly id: string;
  /** The user's only subscription. */
  readonly plan = new Register<Plan>('none');
  /** The user's one-time purchase. */
  readonly pass = new Register<boolean>(false);
  /** The operator's latest action on each of the two features. */
  readonly words = { export: new Register<Word>('none'), beta: new Register<Word>('none') };
  /** A subscription that only renews. */
  readonly club: boolean;

  constructor(id: string, club = false) {
    this.id = id;
    this.club = club;
  }

  /** All changes, in no order. */
  get changes(): Change<unknown>[] {
    return [this.plan, this.pass, this.words.export, this.words.beta].flatMap(
      (register): Change<unknown>[] => register.changes,
    );
  }

  /** What is correct once everything is done. */
  get answer(): Answer {
    const { export: exporting, beta } = this.words;
    return answerOf(this.club, this.plan.last, this.pass.last, exporting.last, beta.last);
  }
}

export const featureCodes = ['export', 'notebooks', 'beta', 'club'] as const;
type FeatureCode = (typeof featureCodes)[number];

/** The value of each feature; null = not entitled. */
export type Answer = Readonly<Record<FeatureCode, unknown>>;

/** The catalog of `shop.ts`, and the effect of operators' actions on it. */
function answerOf(club: boolean, plan: Plan, pass: boolean, exporting: Word, beta: Word): Answer {
  const given = plan !== 'none' || pass || exporting === 'granted';
  return {
    export: given && exporting !== 'revoked' ? true : null,
    notebooks: { none: null, pro: 10, team: 'unlimited' }[plan],
    beta: beta === 'granted' ? true : null,
    club: club ? true : null,
  };
}

export interface Asked {
  askedAt: number;
  answeredAt: number;
}

export type Judgement =
  | { kind: 'right' }
  /** Right if what was done in the last `lagMs` before the question had not been done yet. */
  | { kind: 'old'; lagMs: number }
  | { kind: 'wrong' };

/** An answer that would have been correct `lagMs` before the request. */
export interface OldAnswer {
  user: User;
  asked: Asked;
  told: Partial<Answer>;
  lagMs: number;
}

/** Returns whether a user may get an answer, or a part of one. */
export function judge(user: User, asked: Asked, told: Partial<Answer>): Judgement {
  if (mayBeTold(user, asked, told, () => false)) return { kind: 'right' };
  const done = user.changes
    .filter(({ by }) => Number.isFinite(by) && by <= asked.askedAt)
    .toSorted((a, b) => b.by - a.by);
  for (const change of done) {
    // The newest first, so that the result is the newest change that the answer lacks.
    if (mayBeTold(user, asked, told, ({ by }) => by >= change.by)) {
      return { kind: 'old', lagMs: asked.askedAt - change.by };
    }
  }
  return { kind: 'wrong' };
}

/** Returns whether a user may get this if the changes that `maybeLate` names need not show yet. */
export function mayBeTold(
  user: User,
  asked: Asked,
  told: Partial<Answer>,
  maybeLate: MaybeLate,
): boolean {
  const { plan, pass, words, club } = user;
  for (const seenPlan of plan.seen(asked, maybeLate)) {
    for (const seenPass of pass.seen(asked, maybeLate)) {
      for (const exporting of words.export.seen(asked, maybeLate)) {
        for (const beta of words.beta.seen(asked, maybeLate)) {
          const answer = answerOf(club, seenPlan, seenPass, exporting, beta);
          if (featureCodes.every((code) => !(code in told) || answer[code] === told[code])) {
            return true;
          }
        }
      }
    }
  }
  return false;
}
