import { day, instant, yearStart } from './calendar.ts';
import type { Random } from './random.ts';
import type { Tables } from './tables.ts';

export const projects = ['alpha', 'beta'] as const;

/** With what the user may use, and was given by hand. */
export function addUser(tables: Tables, random: Random, uid: number): void {
  const projectId = random.pick(projects);
  const user = { uid: BigInt(uid), projectId, userId: `u_${uid}` };
  tables.users.push({ ...user, createdAt: new Date(yearStart) });
  const customer = { id: `cus_${uid}`, uid: user.uid, linkedBy: 'checkout' };
  tables.customers.push({ ...customer, createdAt: new Date(yearStart) });
  for (const featureCode of ['export', 'seats', 'retired']) {
    const validFrom = instant(random);
    const validTo = random.percent(50)
      ? null
      : new Date(validFrom.getTime() + random.integer(1, 200) * day);
    const allowed = random.percent(80);
    tables.entitlement_segments.push({
      uid: user.uid,
      projectId,
      featureCode,
      featureType: 'boolean',
      allowed,
      reason: allowed ? 'granted' : 'expired',
      ...(allowed ? { value: true } : {}),
      sources: [],
      validFrom,
      validTo,
      recordedAt: validFrom,
      supersededAt: random.percent(20) ? new Date(validFrom.getTime() + day) : null,
    });
    if (!random.percent(30)) continue;
    tables.grants.push({
      id: `gr_${uid}_${featureCode}`,
      uid: user.uid,
      projectId,
      featureCode,
      value: true,
      validFrom,
      validTo,
      endedAt: random.percent(20) ? instant(random) : null,
      reason: 'test',
      auditId: 'au_1',
      createdAt: validFrom,
    });
  }
}
