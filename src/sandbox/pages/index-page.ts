import type { Sandbox } from '../contract.ts';
import { document, html, moment } from './html.ts';
import { statusMark } from './wording.ts';

/**
 * Renders the index page: the time, the latest webhook deliveries and the commands.
 *
 * @param token the CSRF token that the page's form sends instead of the secret key.
 */
export function indexPage(
  sandbox: Sandbox,
  token: string,
  commands: readonly { usage: string; does: string }[],
): string {
  const latest = sandbox.deliveries().slice(-20).reverse();
  return document(
    'Sandbox',
    html`
      <h1>Sandbox</h1>
      <p>
        A local stand-in for Stripe's API at <code>${sandbox.url}/v1</code>. Its clock shows
        <b>${moment(Math.floor(sandbox.clock.now() / 1000))}</b>.
      </p>
      <p><a href="/customers">Customers and their subscriptions</a></p>
      <form method="post" action="/_sandbox/clock/advance?back=1">
        <input type="hidden" name="token" value="${token}" />
        <label>Days <input name="days" type="number" step="any" value="1" /></label>
        <button>Advance the clock</button>
      </form>
      <h2>Webhooks (${sandbox.pendingDeliveries().length} pending)</h2>
      <table>
        ${latest.map(
          (delivery) =>
            html`<tr>
              <td>${delivery.eventType}</td>
              <td>
                ${statusMark(delivery.status)}
                ${delivery.responseStatus ?? delivery.error ?? 'no response yet'}
              </td>
            </tr>`,
        )}
      </table>
      <h2>Commands</h2>
      <p class="quiet">
        Each accepts JSON or a form, and requires the secret key, as the API does.
      </p>
      <table>
        ${commands.map(
          ({ usage, does }) =>
            html`<tr>
              <td><code>${usage}</code></td>
              <td>${does}</td>
            </tr>`,
        )}
      </table>
    `,
    'wide',
  );
}
