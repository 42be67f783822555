import { recordAudit } from '../audit/record.ts';
import type { Tx } from '../platform/database.ts';
import type { ChangeContext } from './change.ts';
import type { FetchedCatalog } from './fetch.ts';
import { planImport, type StoredCatalog } from './import-plan.ts';
import { addProducts } from './products.ts';
import type { ImportDto } from './schemas.ts';
import { applyFetched } from './store.ts';

/**
 * Adds the fetched products with their prices to the project, and maps the features named in Stripe that are
 * not yet mapped. Creates a feature for each unknown code. Existing settings and mappings stay, so editing
 * metadata never removes a user's access. Because the project is locked throughout, the import uses a fixed
 * number of queries, whatever the size of the catalog.
 */
export async function importCatalog(
  tx: Tx,
  context: ChangeContext,
  fetched: FetchedCatalog,
): Promise<ImportDto> {
  const { projectId, at } = context;
  const products = fetched.products.map(({ product }) => product);
  const prices = fetched.products.flatMap((claimed) => claimed.prices);
  await applyFetched(tx, { number: fetched.number, products, prices }, at);
  const ids = products.map(({ id }) => id);
  const added = await addProducts(tx, projectId, ids, false, at);
  const stored = await loadStored(tx, projectId, ids);
  const plan = planImport(fetched.products, stored);
  await tx.feature.createMany({
    data: plan.newFeatures.map(({ code, type }) => ({
      projectId,
      code,
      name: code,
      type,
      createdAt: new Date(at),
    })),
  });
  await tx.productFeature.createMany({
    data: plan.productFeatures.map(({ id, ...rest }) => ({ productId: id, projectId, ...rest })),
  });
  await tx.priceFeature.createMany({
    data: plan.priceFeatures.map(({ id, ...rest }) => ({ priceId: id, projectId, ...rest })),
  });
  if (added.length > 0 || plan.newFeatures.length > 0 || plan.result.mapped.length > 0) {
    await recordAudit(tx, {
      ...context,
      action: 'catalog.import',
      targetType: 'project',
      targetId: projectId,
      after: plan.result,
    });
  }
  return plan.result;
}

async function loadStored(tx: Tx, projectId: string, ids: string[]): Promise<StoredCatalog> {
  const features = await tx.feature.findMany({ where: { projectId } });
  const codes = { select: { featureCode: true } };
  const products = await tx.product.findMany({
    where: { projectId, id: { in: ids } },
    select: { id: true, features: codes, prices: { select: { id: true, features: codes } } },
  });
  const mappedOn = products
    .flatMap((product) => [product, ...product.prices])
    .map(
      ({ id, features: mapped }) => [id, new Set(mapped.map((row) => row.featureCode))] as const,
    );
  return { features, mappedOn: new Map(mappedOn) };
}
