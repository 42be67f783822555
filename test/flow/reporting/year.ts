import type { Database } from '../../../src/platform/database.ts';
import { yearStart } from './calendar.ts';
import { addSession } from './money.ts';
import { addUser, projects } from './people.ts';
import { writePrices } from './prices.ts';
import { Random } from './random.ts';
import { addSubscription } from './subscriptions.ts';
import { insertAll, noRows } from './tables.ts';

/*
 * A year of two projects' business, written straight into the mirror: every status, interval, way of
 * pricing, currency and discount, owners of all kinds and none, and many instants on the bounds of months.
 */

const users = 900;
const subscriptions = 2_000;
const sessions = 700;

/** The same year for the same seed. The projects have to be there. */
export async function writeYear(database: Database, seed: number): Promise<void> {
  const random = new Random(seed);
  await writePrices(database);
  await writeFeatures(database);
  const tables = noRows();
  for (let uid = 1; uid <= users; uid += 1) addUser(tables, random, uid);
  for (let index = 0; index < subscriptions; index += 1) addSubscription(tables, random, index);
  for (let index = 0; index < sessions; index += 1) addSession(tables, random, index);
  await insertAll(database, tables);
  // The planner has to know how much there is; the server would find out within a minute.
  await database.pool.query('analyze');
}

async function writeFeatures({ prisma }: Database): Promise<void> {
  for (const projectId of projects) {
    for (const code of ['export', 'seats', 'retired', 'unused']) {
      const archivedAt = code === 'retired' ? new Date(yearStart) : null;
      const feature = { projectId, code, name: code, type: 'boolean', archivedAt };
      await prisma.feature.create({ data: { ...feature, createdAt: new Date(yearStart) } });
    }
  }
}
