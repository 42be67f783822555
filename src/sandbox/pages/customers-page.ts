import { subscriptionItems } from '../state/render.ts';
import type { Customer, Subscription } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { document, html, moment, type Html } from './html.ts';
import { outlook } from './portal-page.ts';
import { priceLabel, statusMark } from './wording.ts';

const maxShown = 50;

/** Renders the newest customers with their subscriptions. */
export function customersPage(world: World): string {
  const { customers } = world.tables;
  const rows: Html[] = [];
  for (const customer of customers.walk({})) {
    if (rows.length === maxShown) break;
    rows.push(customerRow(world, customer));
  }
  return document(
    'Customers',
    html`
      <h1>Customers</h1>
      <p><a href="/">Sandbox</a> · ${customers.size} customers</p>
      ${customers.size > maxShown ? html`<p class="quiet">Showing the newest ${maxShown}.</p>` : []}
      <table class="words">
        <thead>
          <tr>
            <th>Customer</th>
            <th>Since</th>
            <th>Subscriptions</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    `,
    'wide',
  );
}

function customerRow(world: World, customer: Customer): Html {
  const subscriptions = world.tables.subscriptions.where('customer', customer.id).reverse();
  return html`<tr>
    <td>${customer.email ?? customer.name ?? ''}<br /><code>${customer.id}</code></td>
    <td>${moment(customer.created)}</td>
    <td>
      ${
        subscriptions.length === 0
          ? html`<span class="quiet">none</span>`
          : subscriptions.map((subscription) => summary(world, subscription))
      }
    </td>
  </tr>`;
}

function summary(world: World, subscription: Subscription): Html {
  const items = subscriptionItems(world.tables, subscription.id).map((item) =>
    priceLabel(world, need(world.tables.prices, 'price', item.price)),
  );
  return html`<div>
    ${items.join(' + ')} ${statusMark(subscription.status)} <code>${subscription.id}</code><br />
    <span class="quiet">${outlook(world, subscription)}</span>
  </div>`;
}
