import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging } from '../http/list.ts';
import { flag, mergedMetadata, metadata, text } from '../http/params.ts';
import { newId } from '../state/ids.ts';
import { render } from '../state/render.ts';
import type { Feature } from '../state/tables.ts';
import { need } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { reads } from './reads.ts';

const path = '/v1/entitlements/features';

export const features: Endpoint[] = [
  endpoint(
    'POST',
    path,
    z.strictObject({ lookup_key: text, name: text, metadata: metadata.optional() }),
    (world, params) => {
      const taken = [...world.tables.features.values()].some(
        ({ lookup_key: key }) => key === params.lookup_key,
      );
      if (taken) {
        throw invalid(
          'A feature with this lookup key already exists. Update it, or choose another `lookup_key`.',
          'resource_already_exists',
          'lookup_key',
        );
      }
      const feature: Feature = {
        id: newId('feat'),
        object: 'entitlements.feature',
        active: true,
        livemode: false,
        lookup_key: params.lookup_key,
        metadata: mergedMetadata({}, params.metadata),
        name: params.name,
      };
      world.tables.features.set(feature.id, feature);
      return render(world.tables, feature);
    },
  ),
  ...reads({
    path,
    kind: 'feature',
    table: (tables) => tables.features,
    filters: z.strictObject({
      ...paging,
      archived: flag.optional(),
      lookup_key: text.optional(),
    }),
    matches: (feature, { archived, lookup_key: key }) =>
      matches(key, feature.lookup_key) && feature.active !== (archived ?? false),
  }),
  endpoint(
    'POST',
    `${path}/:id`,
    z.strictObject({
      active: flag.optional(),
      name: text.optional(),
      metadata: metadata.optional(),
    }),
    (world, params, { id }) => {
      const feature = need(world.tables.features, 'feature', id);
      feature.active = params.active ?? feature.active;
      feature.name = params.name ?? feature.name;
      feature.metadata = mergedMetadata(feature.metadata, params.metadata);
      return render(world.tables, feature);
    },
  ),
];
