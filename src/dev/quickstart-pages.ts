import type { Answer, Catalog, Usage } from '../client/index.ts';
import { document, html, type Html, money } from '../sandbox/pages/html.ts';

type Product = Catalog['products'][number];
type Features = Catalog['features'];
type Entitlement = Answer['entitlements'][number];

/** Returns the home page: who is signed in, what they may use, and what is for sale. */
export function homePage(
  user: string,
  { features, products }: Catalog,
  entitlements: readonly Entitlement[],
  usage: readonly Usage[],
): string {
  const mayExport = entitlements.some(({ feature_code: code }) => code === 'export');
  return document(
    'Notebooks',
    html`<h1>Notebooks</h1>
      <form method="post" action="/sign-in">
        <label>Signed in as <input name="user" value="${user}" /></label>
        <button>Sign in as someone else</button>
      </form>
      <section>
        <h2>You may use</h2>
        ${listOf(features, entitlements)}
        <p>
          <a href="/export">Export my notebooks</a>
          ${mayExport ? '' : html`<span class="quiet">(needs a plan with export)</span>`}
        </p>
        <p>${usage.map(({ balance }) => creditsLeft(balance))}</p>
        <form method="post" action="/summary">
          <button>Summarize my notebooks (3 credits)</button>
        </form>
        <form method="post" action="/portal"><button>Manage my subscription</button></form>
      </section>
      <section>
        <h2>Plans</h2>
        <table>
          ${products.flatMap((product) => rowsOf(features, product))}
        </table>
      </section>`,
    'wide',
  );
}

/** Returns the page that a buyer sees after paying. */
export function thanksPage(features: Features, entitlements: readonly Entitlement[]): string {
  return document(
    'Thank you',
    html`<h1>Thank you</h1>
      <p>You now have:</p>
      ${listOf(features, entitlements)}
      <p><a href="/">Back to your notebooks</a></p>`,
  );
}

/** Returns the page of a summary that was paid with credits. */
export function summaryPage(balance: number | null): string {
  return document(
    'Your summary',
    html`<h1>Your summary</h1>
      <p>Notes about this and that.</p>
      <p>${creditsLeft(balance)}</p>
      <p><a href="/">Back to your notebooks</a></p>`,
  );
}

/** Returns the page for a user who has too few credits. */
export function noCreditsPage(balance: number | null): string {
  return document(
    'Too few credits',
    html`<h1>Too few credits</h1>
      <p class="notice">A summary takes 3 credits. ${creditsLeft(balance)}</p>
      <p><a href="/">Buy a credit pack</a></p>`,
  );
}

/** Says how many credits are left, as far as it is known. */
function creditsLeft(balance: number | null): Html {
  if (balance === null) return html`The credits could not be counted.`;
  return html`Credits left: <strong>${balance}</strong>.`;
}

/** Returns a page that says what went wrong. */
export function messagePage(message: string): string {
  return document(
    'Notebooks',
    html`<p class="notice">${message}</p>
      <p><a href="/">Back to your notebooks</a></p>`,
  );
}

function listOf(features: Features, entitlements: readonly Entitlement[]): Html {
  if (entitlements.length === 0) return html`<p class="quiet">Nothing yet.</p>`;
  return html`<ul>
    ${entitlements.map(
      ({ feature_code: code, value }) => html`<li>${wordsFor(features, code, value)}</li>`,
    )}
  </ul>`;
}

function rowsOf(catalog: Features, { name, features, prices }: Product): Html[] {
  return prices.map(
    ({ id, unit_amount: amount, currency, interval }) =>
      html`<tr>
        <td>
          ${name}<br /><span class="quiet"
            >${Object.entries(features)
              .map(([code, value]) => wordsFor(catalog, code, value))
              .join(' · ')}</span
          >
        </td>
        <td>${money(amount ?? 0, currency)}${interval === null ? '' : ` a ${interval}`}</td>
        <td>
          <form method="post" action="/buy">
            <input type="hidden" name="price" value="${id}" />
            <button>Buy ${name}</button>
          </form>
        </td>
      </tr>`,
  );
}

/** Describes a feature: its name and, for a limit or a metered feature, how much. */
function wordsFor(features: Features, code: string, value: unknown): string {
  const name = features.find(({ feature_code: known }) => known === code)?.name ?? code;
  if (typeof value === 'number' || typeof value === 'string') return `${name}: ${value}`;
  const amounts = allowancesOf(value).map(
    ({ amount, every }) => `${amount}${every === undefined || every === null ? '' : ` a ${every}`}`,
  );
  return amounts.length === 0 ? name : `${name}: ${amounts.join(' + ')}`;
}

interface Allowance {
  amount: number;
  every?: string | null;
}

/** Returns what a metered feature gives: of a product one allowance, of a user those of all sources. */
function allowancesOf(value: unknown): Allowance[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('allowances' in value && Array.isArray(value.allowances)) {
    return value.allowances.flatMap(allowancesOf);
  }
  return 'amount' in value && typeof value.amount === 'number' ? [value as Allowance] : [];
}
