import { periodEndOf } from '../billing/subscription-end.ts';
import { hasEnded } from '../billing/subscription-change.ts';
import { isWebAddress } from '../http/web-address.ts';
import { subscriptionItems } from '../state/render.ts';
import type { PortalSession, Subscription, SubscriptionItem } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { document, html, moment, type Html } from './html.ts';
import { priceLabel, productName, statusMark } from './wording.ts';

/** Renders a customer's billing portal: every subscription, with its actions. */
export function portalPage(world: World, session: PortalSession): string {
  const customer = need(world.tables.customers, 'customer', session.customer);
  const subscriptions = [...world.tables.subscriptions.values()]
    .filter((subscription) => subscription.customer === customer.id)
    .reverse();
  return document(
    'Billing',
    html`
      <h1>Billing for ${customer.email ?? customer.id}</h1>
      ${
        subscriptions.length === 0
          ? html`<p class="quiet">No subscriptions.</p>`
          : subscriptions.map((subscription) => subscriptionCard(world, session, subscription))
      }
      ${returnLink(session.return_url)}
    `,
  );
}

/** Renders the return link if its URL is safe: a state file may contain URLs that the API would reject. */
function returnLink(address: string | null): Html | [] {
  return address === null || !isWebAddress(address)
    ? []
    : html`<p><a href="${address}">Return</a></p>`;
}

function subscriptionCard(world: World, session: PortalSession, subscription: Subscription): Html {
  const items = subscriptionItems(world.tables, subscription.id);
  const names = items.map((item) =>
    productName(world, need(world.tables.prices, 'price', item.price)),
  );
  return html`<section>
    <h2>${names.join(' + ')} ${statusMark(subscription.status)}</h2>
    <p class="quiet">${outlook(world, subscription)} · <code>${subscription.id}</code></p>
    ${items.map((item) => itemRow(world, session, subscription, item))}
    ${hasEnded(subscription) ? [] : endings(world, session, subscription)}
  </section>`;
}

/** Describes when a subscription renews, ends or ended. */
export function outlook(world: World, subscription: Subscription): string {
  if (subscription.ended_at !== null) {
    return `Ended ${moment(subscription.ended_at)}`;
  }
  return subscription.cancel_at === null
    ? `Renews ${moment(periodEndOf(world, subscription))}`
    : `Ends ${moment(subscription.cancel_at)}`;
}

function itemRow(
  world: World,
  session: PortalSession,
  subscription: Subscription,
  item: SubscriptionItem,
): Html {
  const price = need(world.tables.prices, 'price', item.price);
  const offered = [...world.tables.prices.values()].filter(
    (other) =>
      other.active &&
      other.recurring !== null &&
      other.currency === subscription.currency &&
      other.id !== price.id,
  );
  const mayChange =
    !hasEnded(subscription) &&
    offered.length > 0 &&
    featuresOf(world, session).subscription_update.enabled;
  return html`<p>
      ${priceLabel(world, price)}${item.quantity === undefined ? '' : ` × ${item.quantity}`}
    </p>
    ${
      mayChange
        ? html`<form method="post">
            <input type="hidden" name="action" value="change_plan" />
            <input type="hidden" name="subscription" value="${subscription.id}" />
            <input type="hidden" name="item" value="${item.id}" />
            <select name="price" aria-label="New plan">
              ${offered.map(
                (other) => html`<option value="${other.id}">${priceLabel(world, other)}</option>`,
              )}
            </select>
            <button>Change plan</button>
          </form>`
        : []
    }`;
}

function endings(world: World, session: PortalSession, subscription: Subscription): Html {
  const cancels = featuresOf(world, session).subscription_cancel.enabled;
  const button = (action: string, text: string): Html =>
    html`<button name="action" value="${action}">${text}</button>`;
  return html`<form method="post">
    <input type="hidden" name="subscription" value="${subscription.id}" />
    ${subscription.cancel_at === null ? [] : button('keep', 'Keep subscription')}
    ${
      cancels && subscription.cancel_at === null
        ? button('cancel_at_period_end', 'Cancel at period end')
        : []
    }
    ${cancels ? button('cancel_now', 'Cancel now') : []}
  </form>`;
}

function featuresOf(world: World, session: PortalSession) {
  return need(world.tables.portalConfigurations, 'configuration', session.configuration).features;
}
