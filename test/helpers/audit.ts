import type { TestService } from './service.ts';

/** Returns the audit rows that `work` adds, oldest first. */
export async function auditOf(
  service: TestService,
  work: () => Promise<unknown>,
): Promise<
  {
    action: string;
    actor: string;
    targetId: string;
    userId: string | null;
    reason: string | null;
    before: unknown;
    after: unknown;
  }[]
> {
  const { auditEntry } = service.deps.database.prisma;
  const { number: last } = (await auditEntry.findFirst({ orderBy: { number: 'desc' } })) ?? {
    number: 0n,
  };
  await work();
  return auditEntry.findMany({
    where: { number: { gt: last } },
    orderBy: { number: 'asc' },
    select: {
      action: true,
      actor: true,
      targetId: true,
      userId: true,
      reason: true,
      before: true,
      after: true,
    },
  });
}

/** Returns a problem without the fields that differ between requests. */
export function sameProblem(body: unknown): unknown {
  return typeof body === 'object' ? { ...body, request_id: '' } : body;
}
