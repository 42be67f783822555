import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { toJson } from '../wire.ts';
import { none } from './reads.ts';

export const account: Endpoint[] = [
  endpoint('GET', '/v1/account', none, (world) =>
    toJson({
      id: world.accountId,
      object: 'account',
      business_type: 'company',
      charges_enabled: true,
      country: 'US',
      default_currency: 'usd',
      details_submitted: true,
      email: 'owner@example.com',
      payouts_enabled: true,
      type: 'standard',
    }),
  ),
];
