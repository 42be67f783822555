import type { Database } from '../platform/database.ts';
import { valuesOf } from './mapping.ts';
import { toPricingDto } from './prices.ts';
import type { PricingDto } from './schemas.ts';

/**
 * Loads the project's products, prices and features for sale. The features of a price include those of its
 * product. A value set on the price overrides that of the product.
 */
export async function loadPricing(database: Database, projectId: string): Promise<PricingDto> {
  const forSale = { active: true, deleted: false };
  const features = await database.prisma.feature.findMany({
    where: { projectId, archivedAt: null },
    orderBy: { code: 'asc' },
  });
  const products = await database.prisma.product.findMany({
    where: { projectId, ...forSale },
    include: {
      features: true,
      prices: { where: forSale, include: { features: true }, orderBy: { id: 'asc' } },
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
