import { describe, expect, it } from 'vitest';
import type { Served } from '../../faults/balancer.ts';
import { User } from '../../faults/oracle.ts';
import { type Outcome, report } from '../../faults/report.ts';
import type { Deed } from '../../faults/substance.ts';
import { compareInbox } from '../../faults/verdict.ts';
import { goodRun, phases, served } from './run.ts';

const { crowd, inbox } = goodRun;
const faultsOf = (difference: Partial<Outcome>): string[] =>
  report({ ...goodRun, ...difference }).faults;

it('a run in which all was as it has to be has no faults', () => {
  const { faults, text } = report(goodRun);

  expect(faults).toEqual([]);
  expect(text).toContain('Nothing was wrong.');
});

const user = new User('u_1');
user.words.beta.begin('granted', 100).by = 200;
const oldAnswer = {
  ...{ user, asked: { askedAt: 300, answeredAt: 310 }, told: { beta: null }, lagMs: 100 },
};

describe('a run fails in which', () => {
  it.each<[string, Partial<Outcome>, string]>([
    ['an event was lost', { inbox: { ...inbox, lost: ['evt_1'] } }, 'is lost'],
    ['one was not processed', { inbox: { ...inbox, unprocessed: ['evt_1'] } }, 'not processed'],
    ['one was stored twice', { inbox: { ...inbox, repeated: ['evt_1'] } }, 'more than once'],
    ['one was never delivered', { inbox: { ...inbox, undelivered: 1 } }, 'never delivered'],
    ['a user got an answer that was never right', { crowd: { ...crowd, wrong: ['x'] } }, 'x'],
    ['a user got an outdated answer', { crowd: { ...crowd, old: [oldAnswer] } }, 'outdated'],
    ['an answer is wrong in the end', { inTheEnd: { asked: 60, wrong: ['y'] } }, 'y'],
    ['no user was read at the end', { inTheEnd: { asked: 0, wrong: [] } }, 'no user was read'],
    ["an operator's action is lost", { words: { acknowledged: 6, recorded: 5 } }, 'not recorded'],
    ['there was an error', { served: [...goodRun.served, served('reads', 100, 500)] }, '500'],
  ])('%s', (_what, difference, words) => {
    expect(faultsOf(difference)).toEqual([expect.stringContaining(words)]);
  });
});

describe('a run proves nothing in which', () => {
  it.each([...crowd.done.keys()])('there were no %s', (deed: Deed) => {
    const done = new Map([...crowd.done].filter(([each]) => each !== deed));

    expect(faultsOf({ crowd: { ...crowd, done } })).toEqual([`the run proves nothing: no ${deed}`]);
  });

  it.each(phases)('there was nothing of: $fault', (phase) => {
    expect(
      faultsOf({
        phases: phases.filter((each) => each !== phase),
        served: goodRun.served.filter(
          ({ status, cutBy, refusedBy }) => status < 500 && cutBy.length + refusedBy.length === 0,
        ),
      }),
    ).toEqual(expect.arrayContaining([expect.stringContaining('nothing of')]));
  });

  it('no answer was judged, or no event acknowledged', () => {
    expect(faultsOf({ crowd: { ...crowd, judged: 0 } })).toHaveLength(1);
    expect(faultsOf({ inbox: { ...inbox, acknowledged: 0 } })).toHaveLength(1);
  });

  const without = (isGone: (each: Served) => boolean): string[] =>
    faultsOf({ served: goodRun.served.filter((each) => !isGone(each)) });

  it.each([
    ['one killed', 1_500, 2_000],
    ['one restarted', 2_500, 2_900],
    ['Redis away', 3_000, 4_000],
    ['Postgres away, and back', 6_001, 9_000],
  ])('nothing succeeded in: %s', (phase, from, to) => {
    const isIn = ({ startedAt }: Served) => startedAt >= from && startedAt <= to;

    expect(without((each) => isIn(each) && each.path.endsWith('/webhooks/stripe'))).toEqual([
      `the run proves nothing: ${phase}: none of the webhooks succeeded`,
    ]);
  });

  it('no request was refused while Postgres was away, or nothing came from the cache', () => {
    expect(without(({ status }) => status === 503)).toEqual([
      expect.stringContaining('no request was refused'),
    ]);
    expect(without(({ startedAt }) => startedAt === 5_200)).toEqual([
      expect.stringContaining('from the cache'),
    ]);
  });
});

describe('the inbox beside what was sent', () => {
  const sent = [
    { eventId: 'evt_1', status: 'delivered' },
    { eventId: 'evt_2', status: 'failed' },
    { eventId: 'evt_2', status: 'delivered' },
    { eventId: 'evt_3', status: 'failed' },
    { eventId: 'evt_4', status: 'pending' },
  ] as const;

  it('shows what is lost, open and repeated, and what was never taken', () => {
    const found = compareInbox(sent, [
      { id: 'evt_2', status: 'pending' },
      { id: 'evt_2', status: 'pending' },
      { id: 'evt_3', status: 'processed' },
    ]);

    expect(found).toEqual({
      ...{ acknowledged: 2, inInbox: 2, undelivered: 2 },
      ...{ lost: ['evt_1'], unprocessed: ['evt_2'], repeated: ['evt_2'] },
    });
  });

  it('counts what failed or was ignored as not processed', () => {
    const found = compareInbox(sent.slice(0, 3), [
      { id: 'evt_1', status: 'failed' },
      { id: 'evt_2', status: 'ignored' },
    ]);

    expect(found.unprocessed).toEqual(['evt_1', 'evt_2']);
    expect(found.undelivered).toBe(0);
  });
});
