import type { Database } from '../platform/database.ts';
import { valuesOf } from './mapping.ts';
import { toPricingDto } from './prices.ts';
import type { PricingDto } from './schemas.ts';

/**
 * Loads what a pricing page shows: the project's products, prices and features on offer. A price lists all
 * features that it carries; its own value overrides its product's.
 */
export async function loadPricing(database: Database, projectId: string): Promise<PricingDto> {
  const onOffer = { active: true, deleted: false };
  const features = await database.prisma.feature.findMany({
    where: { projectId, archivedAt: null },
    orderBy: { code: 'asc' },
  });
  const products = await database.prisma.product.findMany({
    where: { projectId, ...onOffer },
    include: {
      features: true,
      prices: { where: onOffer, include: { features: true }, orderBy: { id: 'asc' } },
    },
    orderBy: [{ rank: 'asc' }, { id: 'asc' }],
  });
  return {
    project_id: projectId,
    features: features.map(({ code, name, type }) => ({ feature_code: code, name, type })),
    products: products.map((product) => ({
      id: product.id,
      name: product.name,
      description: product.description,
      rank: product.rank,
      features: valuesOf(product.features),
      prices: product.prices.map((price) => ({
        ...toPricingDto(price),
        features: { ...valuesOf(product.features), ...valuesOf(price.features) },
      })),
    })),
  };
}
