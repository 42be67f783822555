import { recordAudit } from '../audit/record.ts';
import { featureType, type GivenValue, valueFault } from '../entitlements/feature-value.ts';
import type { Feature } from '../generated/prisma/client.ts';
import { featureCodeSchema } from '../http/schemas.ts';
import type { Tx } from '../platform/database.ts';
import type { ChangeContext } from './change.ts';
import type { ClaimedProduct, FetchedCatalog } from './fetch.ts';
import type { NamedFeature } from './from-stripe.ts';
import { takeProduct } from './products.ts';
import type { ImportOut } from './schemas.ts';
import { applyFetched } from './store.ts';

type WhySkipped = ImportOut['skipped'][number]['why'];

/**
 * Takes the fetched products into the project with their prices, and maps the features that Stripe
 * names where they are not mapped yet; a code that the project does not know becomes a feature. It
 * only adds: what the project set itself, and what Stripe no longer names, stays, so that nobody loses
 * access because metadata were edited.
 */
export async function importCatalog(
  tx: Tx,
  context: ChangeContext,
  fetched: FetchedCatalog,
): Promise<ImportOut> {
  const out: ImportOut = {
    product_ids: [],
    price_ids: [],
    features_created: [],
    mapped: [],
    skipped: [],
  };
  let taken = 0;
  const rows = {
    number: fetched.number,
    products: fetched.products.map(({ product }) => product),
    prices: fetched.products.flatMap(({ prices }) => prices),
  };
  await applyFetched(tx, rows, context.at);
  for (const claimed of fetched.products) {
    const { id } = claimed.product;
    const whose = await ownOrTaken(tx, context, id);
    if (whose === null) {
      out.skipped.push({ id, feature_code: null, why: 'not_available' });
      continue;
    }
    if (whose === 'taken') taken += 1;
    out.product_ids.push(id);
    out.price_ids.push(...claimed.prices.map((price) => price.id));
    await mapNamed(tx, context, claimed, out);
  }
  if (taken > 0 || out.features_created.length > 0 || out.mapped.length > 0) {
    await recordAudit(tx, {
      ...context,
      action: 'catalog.import',
      targetType: 'project',
      targetId: context.projectId,
      after: out,
    });
  }
  return out;
}

/** Whether a product is the project's, from before or taken now; null where it may not take it. */
async function ownOrTaken(
  tx: Tx,
  { projectId, at }: ChangeContext,
  id: string,
): Promise<'own' | 'taken' | null> {
  if ((await tx.product.findFirst({ where: { id, projectId } })) !== null) return 'own';
  return (await takeProduct(tx, projectId, id, false, at)) ? 'taken' : null;
}

async function mapNamed(
  tx: Tx,
  context: ChangeContext,
  claimed: ClaimedProduct,
  out: ImportOut,
): Promise<void> {
  const { projectId } = context;
  const productId = claimed.product.id;
  const ofProduct = await tx.productFeature.findMany({ where: { productId } });
  for (const mapping of await resolve(tx, context, productId, claimed.features, ofProduct, out)) {
    await tx.productFeature.create({ data: { productId, projectId, ...mapping } });
  }
  for (const { priceId, features } of claimed.priceFeatures) {
    if (features.length === 0) continue;
    const ofPrice = await tx.priceFeature.findMany({ where: { priceId } });
    for (const mapping of await resolve(tx, context, priceId, features, ofPrice, out)) {
      await tx.priceFeature.create({ data: { priceId, projectId, ...mapping } });
    }
  }
}

/** Which of the named features are to be mapped on `id`, beside those that are; notes it in `out`. */
async function resolve(
  tx: Tx,
  context: ChangeContext,
  id: string,
  named: NamedFeature[],
  mapped: { featureCode: string }[],
  out: ImportOut,
): Promise<{ featureCode: string; value: GivenValue }[]> {
  const there = new Set(mapped.map(({ featureCode }) => featureCode));
  const added: { featureCode: string; value: GivenValue }[] = [];
  for (const { code, value: said } of named) {
    if (there.has(code)) continue;
    const resolved = await resolveOne(tx, context, code, said, out);
    if ('why' in resolved) {
      out.skipped.push({ id, feature_code: code, why: resolved.why });
      continue;
    }
    there.add(code);
    out.mapped.push({ id, feature_code: code, value: resolved.value });
    added.push({ featureCode: code, value: resolved.value });
  }
  return added;
}

async function resolveOne(
  tx: Tx,
  context: ChangeContext,
  code: string,
  said: number | string | null,
  out: ImportOut,
): Promise<{ value: GivenValue } | { why: WhySkipped }> {
  if (!featureCodeSchema.safeParse(code).success) return { why: 'code_invalid' };
  const { projectId } = context;
  const known = await tx.feature.findUnique({ where: { projectId_code: { projectId, code } } });
  if (known !== null && known.archivedAt !== null) return { why: 'feature_archived' };
  const type = known === null ? (said === null ? 'boolean' : 'limit') : featureType(known.type);
  if (said === null && type !== 'boolean') return { why: 'value_required' };
  const value = said ?? true;
  if (valueFault(type, value) !== null) return { why: 'value_invalid' };
  if (known === null) {
    await createFeature(tx, context, code, type);
    out.features_created.push(code);
  }
  return { value };
}

function createFeature(
  tx: Tx,
  { projectId, at }: ChangeContext,
  code: string,
  type: string,
): Promise<Feature> {
  return tx.feature.create({
    data: { projectId, code, name: code, type, createdAt: new Date(at) },
  });
}
