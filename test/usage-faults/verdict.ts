import pg from 'pg';
import { z } from 'zod';
import { ask } from '../../src/dev/api.ts';
import { type Answers, answerShape, consumeOf } from './spend.ts';
import { featureCode, type Wallets } from './wallets.ts';

/** The most items of a batch. */
const batchSize = 100;

const batchShape = z.object({ data: z.array(answerShape) });

/** Repeats every acknowledged consume. Returns those that are answered in another way than the first time. */
export async function judgeRepeats(wallets: Wallets, answers: Answers): Promise<string[]> {
  const wrong: string[] = [];
  const numbers = [...answers.keys()];
  for (let from = 0; from < numbers.length; from += batchSize) {
    const repeated = numbers.slice(from, from + batchSize);
    const items = repeated.map((number) => {
      const { body, idempotencyKey } = consumeOf(wallets, number);
      return { ...body, idempotency_key: idempotencyKey };
    });
    const { data } = await ask(
      wallets.app,
      { method: 'POST', path: '/api/v1/usage/consume/batch', body: { items } },
      { status: 200, shape: batchShape },
    );
    for (const [index, number] of repeated.entries()) {
      const first = JSON.stringify(answers.get(number));
      const now = JSON.stringify(data[index]);
      if (now !== first) wrong.push(`consume ${number} was ${first}, and is ${now}`);
    }
  }
  return wrong;
}

const usageSql = `
  select u.user_id,
    (select coalesce(sum(e.amount), 0) from usage_entries e where e.uid = u.uid)::int as ledger,
    (select count(*) from usage_entries e where e.uid = u.uid)::int as entries,
    (select count(distinct e.key) from usage_entries e where e.uid = u.uid)::int as keys,
    (select coalesce(sum(b.used), 0) from usage_buckets b where b.uid = u.uid)::int as buckets
  from users u where u.user_id = any($1)`;

interface UsedBy {
  user_id: string;
  ledger: number;
  entries: number;
  keys: number;
  buckets: number;
}

const readShape = z.object({ data: z.array(z.object({ used: z.number(), balance: z.number() })) });

/** Compares ledger, buckets, the service's own reading and what was acknowledged, for each user. */
export async function judgeLedger(
  databaseUrl: string,
  wallets: Wallets,
  answers: Answers,
): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<UsedBy>(usageSql, [wallets.users]);
  await client.end();
  const byUser = Map.groupBy(answers, ([number]) => consumeOf(wallets, number).body.user_id);
  const wrong: string[] = [];
  if (rows.length !== wallets.users.length) wrong.push(`${rows.length} users are in the ledger`);
  for (const { user_id: user, ledger, entries, keys, buckets } of rows) {
    const own = (byUser.get(user) ?? []).map(([, answer]) => answer);
    const consumed = own.reduce((sum, answer) => sum + answer.consumed, 0);
    const allowed = own.filter((answer) => answer.allowed).length;
    const path = `/api/v1/usage?user_id=${user}&feature_code=${featureCode}`;
    const read = await ask(wallets.app, { method: 'GET', path }, { status: 200, shape: readShape });
    const [shown] = read.data;
    const found = { ledger, buckets, entries, keys, used: shown?.used, balance: shown?.balance };
    const due = {
      ...{ ledger: consumed, buckets: consumed, entries: allowed, keys: allowed },
      ...{ used: consumed, balance: wallets.granted - consumed },
    };
    if (JSON.stringify(found) !== JSON.stringify(due)) {
      wrong.push(`${user} has ${JSON.stringify(found)} instead of ${JSON.stringify(due)}`);
    }
    if (buckets > wallets.granted) {
      wrong.push(`${user} used ${buckets} of ${wallets.granted} units`);
    }
  }
  return wrong;
}
