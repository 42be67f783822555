import { z } from 'zod';
import type { ProjectScope } from '../auth/project-access.ts';
import {
  neverBegunStatuses,
  sqlStatuses,
  terminalStatuses,
} from '../entitlements/core/stripe-statuses.ts';
import type { Database } from '../platform/database.ts';
import { groupByProject } from './by-project.ts';
import type { AlikeSubscriptions } from './core/figures.ts';
import type { ReportWindow, SubscriptionSpan } from './core/movement.ts';
import type { Amounts, Pricing } from './core/recurring.ts';
import { ownedSubscriptions } from './owners.ts';

const itemsShape = z.array(
  z.object({ priceId: z.string(), productId: z.string(), quantity: z.int().nullable() }),
);
const discountsShape = z.array(
  z.object({
    item: z.int().nullable(),
    percentOff: z.string().nullable(),
    amountOff: z.string().nullable(),
    currency: z.string().nullable(),
  }),
);

interface AlikeRow extends Omit<AlikeSubscriptions, 'items' | 'discounts'> {
  project_id: string;
  items: unknown;
  discounts: unknown;
}

/**
 * Loads the subscriptions of projects, grouped by everything that reports use. Ended subscriptions have no
 * items. Only recurring discounts that are in force are included.
 */
export async function loadSubscriptions(
  database: Database,
  scope: ProjectScope,
  now: number,
): Promise<Map<string, AlikeSubscriptions[]>> {
  const { rows } = await database.pool.query<AlikeRow>(
    `with ${ownedSubscriptions}
     select o.project_id, s.status, s.effective_status as "effectiveStatus",
       s.collection_paused as "collectionPaused", s.currency, i.items, d.discounts, count(*)::int as count
     from owned o join subscriptions s on s.id = o.id
     left join lateral (
       select jsonb_agg(jsonb_build_object(
         'priceId', si.price_id, 'productId', si.product_id, 'quantity', si.quantity)
         order by si.position, si.id) as items
       from subscription_items si where si.subscription_id = s.id
     ) i on s.effective_status not in (${sqlStatuses(terminalStatuses)})
     left join lateral (
       select jsonb_agg(jsonb_build_object(
         'item', si.index, 'percentOff', sd.percent_off, 'amountOff', sd.amount_off::text,
         'currency', sd.currency) order by si.index nulls last, sd.position) as discounts
       from subscription_discounts sd
       left join (
         select id, row_number() over (order by position, id) - 1 as index
         from subscription_items where subscription_id = s.id
       ) si on si.id = sd.item_id
       where sd.subscription_id = s.id and sd.duration <> 'once'
         and (sd.end_at is null or sd.end_at > $2) and (sd.item_id is null or si.id is not null)
     ) d on s.effective_status not in (${sqlStatuses(terminalStatuses)})
     group by 1, 2, 3, 4, 5, 6, 7`,
    [scope, new Date(now)],
  );
  return groupByProject(rows, ({ project_id: _, items, discounts, ...row }) => ({
    ...row,
    items: itemsShape.parse(items ?? []),
    discounts: discountsShape.parse(discounts ?? []),
  }));
}

interface SpanRow {
  project_id: string;
  subscriber: string;
  start_at: Date;
  end_at: Date | null;
  trial_start: Date | null;
  trial_end: Date | null;
}

/**
 * Loads the spans of subscriptions that have begun. Includes every subscriber with a subscription that began,
 * ended or was in its trial in the window. An ended subscription without a known end counts as never begun.
 */
export async function loadSubscriptionSpans(
  database: Database,
  scope: ProjectScope,
  { from, to }: ReportWindow,
): Promise<Map<string, SubscriptionSpan[]>> {
  const { rows } = await database.pool.query<SpanRow>(
    `with ${ownedSubscriptions},
     spans as (
       select o.project_id, o.subscriber, s.start_date as start_at, s.trial_start, s.trial_end,
         coalesce(s.ended_at, case when s.effective_status = 'canceled' then s.canceled_at end) as end_at,
         s.effective_status
       from owned o join subscriptions s on s.id = o.id
       where s.effective_status not in (${sqlStatuses(neverBegunStatuses)})
     ),
     began as (select * from spans where effective_status <> 'canceled' or end_at is not null),
     moved as (
       select distinct project_id, subscriber from began
       where (start_at >= $2 and start_at < $3) or (end_at >= $2 and end_at < $3)
         or (trial_start < $3 and trial_end > $2)
     )
     select project_id, subscriber, start_at, end_at, trial_start, trial_end
     from began join moved using (project_id, subscriber)`,
    [scope, new Date(from), new Date(to)],
  );
  return groupByProject(rows, (row) => ({
    subscriber: row.subscriber,
    startAt: row.start_at.getTime(),
    endAt: row.end_at?.getTime() ?? null,
    trialStartAt: row.trial_start?.getTime() ?? null,
    trialEndAt: row.trial_end?.getTime() ?? null,
  }));
}

const tiersShape = z.array(
  z.object({
    upTo: z.int().nullable(),
    unitAmount: z.string().nullable(),
    flatAmount: z.string().nullable(),
  }),
);
const optionsShape = z.record(
  z.string(),
  z.object({ unitAmount: z.string().nullable(), tiers: tiersShape.nullable() }),
);

/** Loads the known prices with these ids, by id. */
export async function loadPrices(
  database: Database,
  ids: Iterable<string>,
): Promise<Map<string, Pricing>> {
  const rows = await database.prisma.price.findMany({ where: { id: { in: [...new Set(ids)] } } });
  return new Map(
    rows.map((row) => {
      const own: Amounts = {
        unitAmount: row.unitAmountDecimal ?? row.unitAmount?.toString() ?? null,
        tiers: tiersShape.nullable().parse(row.tiers),
      };
      const others = optionsShape.parse(row.currencyOptions ?? {});
      return [
        row.id,
        {
          amounts: new Map([[row.currency, own], ...Object.entries(others)]),
          tiersMode: row.tiersMode,
          interval: row.interval,
          intervalCount: row.intervalCount ?? 1,
          usageType: row.usageType,
          divideQuantityBy: row.divideQuantityBy,
          roundQuantity: row.roundQuantity,
        },
      ];
    }),
  );
}
