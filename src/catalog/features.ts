import { recordAudit, recordChange } from '../audit/record.ts';
import type { Feature } from '../generated/prisma/client.ts';
import { featureNotFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { ChangeContext } from './change.ts';
import { keptValue } from './core/kept-value.ts';
import type { FeatureBody, FeatureDto } from './feature-schemas.ts';

/** Loads the project's features, including archived ones, ordered by code. */
export async function loadFeatures(
  database: Database,
  projectId: string,
  page: { after: string | undefined; take: number },
): Promise<FeatureDto[]> {
  const features = await database.prisma.feature.findMany({
    where: { projectId, ...(page.after === undefined ? {} : { code: { gt: page.after } }) },
    orderBy: { code: 'asc' },
    take: page.take,
  });
  return features.map(toFeatureDto);
}

/**
 * Creates or changes a feature. An archived feature becomes active again. Fields left out of the body keep
 * their values.
 *
 * @throws ProblemError feature_in_use if the type would change and the feature is mapped, granted or revoked;
 *   feature_not_metered if another feature than a metered one has a billing meter
 */
export async function putFeature(
  tx: Tx,
  context: ChangeContext,
  code: string,
  body: FeatureBody,
): Promise<FeatureDto> {
  const { projectId } = context;
  if (body.type !== 'metered' && (body.stripe_meter ?? null) !== null) throw notMetered(body);
  const before = await tx.feature.findUnique({ where: { projectId_code: { projectId, code } } });
  if (before !== null && before.type !== body.type && (await isInUse(tx, projectId, code))) {
    throw new ProblemError('feature_in_use', undefined, [
      {
        path: 'type',
        message: `must stay \`${before.type}\` because the feature is mapped, granted or revoked: for a \`${body.type}\`, use another \`feature_code\``,
      },
    ]);
  }
  // The stored settings apply only to the type for which they were given.
  const kept = before?.type === body.type ? before : undefined;
  const data = {
    name: body.name,
    type: body.type,
    merge: keptValue(body.merge, kept?.merge, 'max'),
    perQuantity: keptValue(body.per_quantity, kept?.perQuantity, false),
    unit: keptValue(body.unit, kept?.unit, null),
    overage: keptValue(body.overage, kept?.overage, 'deny'),
    ...toMeterColumns(keptValue(body.stripe_meter, toMeterDto(kept), null)),
    archivedAt: null,
  };
  const after = toFeatureDto(
    await tx.feature.upsert({
      where: { projectId_code: { projectId, code } },
      create: { projectId, code, createdAt: new Date(context.at), ...data },
      update: data,
    }),
  );
  await recordChange(tx, {
    ...context,
    action: before === null ? 'feature.create' : 'feature.update',
    targetType: 'feature',
    targetId: code,
    ...(before === null ? {} : { before: toFeatureDto(before) }),
    after,
  });
  return after;
}

/**
 * Archives a feature: it can no longer be mapped or granted, and users who have it keep it. Idempotent.
 *
 * @throws ProblemError feature_not_found
 */
export async function archiveFeature(
  tx: Tx,
  context: ChangeContext,
  code: string,
): Promise<FeatureDto> {
  const { projectId } = context;
  const feature = await tx.feature.findUnique({ where: { projectId_code: { projectId, code } } });
  if (feature === null) throw featureNotFound({ path: 'feature_code', isArchived: false });
  if (feature.archivedAt !== null) return toFeatureDto(feature);
  const after = toFeatureDto(
    await tx.feature.update({
      where: { projectId_code: { projectId, code } },
      data: { archivedAt: new Date(context.at) },
    }),
  );
  await recordAudit(tx, {
    ...context,
    action: 'feature.archive',
    targetType: 'feature',
    targetId: code,
    before: toFeatureDto(feature),
    after,
  });
  return after;
}

/** Returns whether a mapping, grant or revocation refers to the feature. */
async function isInUse(tx: Tx, projectId: string, featureCode: string): Promise<boolean> {
  const where = { where: { projectId, featureCode } };
  return (
    (await tx.productFeature.findFirst(where)) !== null ||
    (await tx.priceFeature.findFirst(where)) !== null ||
    (await tx.grant.findFirst(where)) !== null ||
    (await tx.revocation.findFirst(where)) !== null
  );
}

function toFeatureDto(feature: Feature): FeatureDto {
  return {
    feature_code: feature.code,
    name: feature.name,
    type: feature.type,
    merge: feature.merge,
    per_quantity: feature.perQuantity,
    unit: feature.unit,
    overage: feature.overage === 'allow' ? 'allow' : 'deny',
    stripe_meter: toMeterDto(feature),
    archived_at: feature.archivedAt?.toISOString() ?? null,
    created_at: feature.createdAt.toISOString(),
  };
}

function notMetered({ type }: FeatureBody): ProblemError {
  return new ProblemError('feature_not_metered', undefined, [
    {
      path: 'stripe_meter',
      message: `must be left out of a feature of the type \`${type}\`: only a \`metered\` feature has usage to report`,
    },
  ]);
}

type StripeMeter = FeatureDto['stripe_meter'];
type MeterColumns = Pick<Feature, 'meterEvent' | 'meterReport'>;

function toMeterDto(feature: MeterColumns | undefined): StripeMeter {
  const { meterEvent = null, meterReport = null } = feature ?? {};
  if (meterEvent === null) return null;
  return { event_name: meterEvent, report: meterReport === 'overage' ? 'overage' : 'all' };
}

function toMeterColumns(meter: StripeMeter): MeterColumns {
  return { meterEvent: meter?.event_name ?? null, meterReport: meter?.report ?? null };
}
