import { missingIds } from './not-found-problems.ts';
import { ProblemError } from './problem.ts';

/*
 * The problems for ids and codes that name no object the caller may see. The message depends only on what the
 * caller sent, so an object of another project looks like a missing one.
 */

/** The kind of object that each id prefix stands for, for Stripe's ids and ours. */
const kinds: Readonly<Record<string, string>> = {
  ch_: 'a charge',
  cs_: 'a checkout session',
  cus_: 'a customer',
  evt_: 'an event',
  gr_: 'a grant',
  in_: 'an invoice',
  key_: 'an API key',
  li_: 'a purchase',
  lr_: 'a link run',
  pi_: 'a payment intent',
  price_: 'a price',
  prod_: 'a product',
  rc_: 'a reconciliation',
  rf_: 'a refresh',
  rv_: 'a revocation',
  si_: 'a subscription item',
  sub_: 'a subscription',
  ue_: 'a usage entry',
  uh_: 'a hold',
  we_: 'a webhook endpoint',
  whd_: 'a webhook delivery',
};

/**
 * Returns the problem for an id that names no object the caller may see. If the prefix belongs to another
 * kind of object, the message says so. Call it after the look-up, because custom product ids may have any
 * prefix.
 *
 * @param message the message for an id of the right kind; by default, where to find one.
 */
export function notFound(
  code: keyof typeof missingIds,
  path: string,
  id: string,
  message?: string,
): ProblemError {
  const { prefix, source } = missingIds[code];
  const kind = kinds[prefix] ?? '';
  const given = /^[a-z]+_/.exec(id)?.[0] ?? '';
  const other = given === prefix ? undefined : kinds[given];
  return new ProblemError(code, undefined, [
    {
      path,
      message:
        other === undefined
          ? (message ?? `names no ${kind.replace(/^an? /, '')} of the project: ${source}`)
          : `is the id of ${other}: send the id of ${kind}, which begins with \`${prefix}\``,
    },
  ]);
}

const create = 'PUT /api/v1/admin/features/{feature_code}';

/** Returns the problem for feature codes that name no feature of the project, or an archived one. */
export function featureNotFound(
  ...fields: readonly { path: string; isArchived: boolean }[]
): ProblemError {
  return new ProblemError(
    'feature_not_found',
    undefined,
    fields.map(({ path, isArchived }) => ({
      path,
      message: isArchived
        ? `names an archived feature: make it active again with ${create}`
        : `names no feature of the project: create it with ${create}, or send a code that GET /api/v1/admin/features lists`,
    })),
  );
}

/** Returns the problem for an unknown `user_id`. */
export function userNotFound(): ProblemError {
  return new ProblemError('user_not_found', undefined, [
    {
      path: 'user_id',
      message: 'names no user of the project: a grant, link or checkout creates one',
    },
  ]);
}
