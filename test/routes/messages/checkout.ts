import type { Row } from './row.ts';

const urls = { success_url: 'https://notes.example/welcome', cancel_url: 'https://notes.example/' };
const checkout = { user_id: 'u_1', price_id: '{price}', ...urls };

export const checkouts: readonly Row[] = [
  [
    'POST checkout/sessions',
    { ...checkout, price_id: '{product}' },
    '404 price_not_found',
    '`price_id` is the id of a product: send the id of a price, which begins with `price_`.',
  ],
  [
    'POST checkout/sessions',
    { ...checkout, price_id: 'price_none' },
    '404 price_not_found',
    '`price_id` names no price of the project: GET /api/v1/catalog lists the prices for sale.',
  ],
  [
    'POST checkout/sessions',
    { ...checkout, price_id: 'pro plan' },
    '400 bad_request',
    '`price_id` must be a Stripe id: 1 to 255 visible ASCII characters, without / \\ ? # %.',
  ],
  [
    'POST checkout/sessions',
    { user_id: 'u_1', ...urls },
    '400 bad_request',
    '`price_id` is required unless `line_items` is sent: send one of them, not both.',
  ],
  [
    'POST checkout/sessions',
    { user_id: 'u_1', ...urls, line_items: [{ price_id: '{price}' }, { price_id: '{product}' }] },
    '404 price_not_found',
    '`line_items[1].price_id` is the id of a product: send the id of a price, which begins with `price_`.',
  ],
  [
    'POST checkout/sessions',
    { user_id: 'u_1', ...urls, line_items: [{ price_id: '{price}', quantity: 0 }] },
    '400 bad_request',
    '`line_items[0].quantity` must be at least 1.',
  ],
  [
    'POST checkout/sessions',
    { user_id: 'u_1', ...urls, line_items: [{ price: '{price}' }] },
    '400 bad_request',
    '`line_items[0].price_id` is required: send a string such as `price_9`. `line_items[0].price` is not known: use one of `price_id`, `quantity`, or leave it out.',
  ],
  [
    'POST checkout/sessions',
    { ...checkout, amount: 100 },
    '400 bad_request',
    '`amount` is not known: use one of `project_id`, `user_id`, `email`, `price_id`, `line_items`, `success_url`, `cancel_url`, or leave it out.',
  ],
  [
    'POST checkout/sessions',
    { ...checkout, email: 'jo' },
    '400 bad_request',
    '`email` must be an email address such as `jo@example.com`.',
  ],
  [
    'POST checkout/sessions',
    { ...checkout, success_url: 'https://evil.example/' },
    '422 redirect_not_allowed',
    "`success_url` must be on one of the project's `redirect_origins`: to allow it, add its origin with PATCH /api/v1/admin/projects/{id}.",
  ],
  [
    'POST checkout/sessions',
    { ...checkout, success_url: '/welcome', cancel_url: 'notes.example/pricing' },
    '422 redirect_not_allowed',
    "`success_url` must be an absolute URL such as `https://app.example.com/account`, on one of the project's `redirect_origins`. `cancel_url` must be an absolute URL such as `https://app.example.com/account`, on one of the project's `redirect_origins`.",
  ],
  [
    'POST checkout/sessions',
    { ...checkout, success_url: undefined },
    '400 bad_request',
    '`success_url` is required: send a string such as `https://app.example.com/account`.',
  ],
  [
    'GET checkout/sessions/cs_none',
    undefined,
    '404 session_not_found',
    '`id` names no checkout session of the project: POST /api/v1/checkout/sessions returns the id.',
  ],
  [
    'GET checkout/sessions/{price}',
    undefined,
    '404 session_not_found',
    '`id` is the id of a price: send the id of a checkout session, which begins with `cs_`.',
  ],
  [
    'POST portal/sessions',
    { user_id: 'u_3', return_url: 'https://notes.example/' },
    '404 customer_not_found',
    '`user_id` has no Stripe customer: open a checkout, which creates one, or link one with POST /api/v1/admin/users/{user_id}/customers.',
  ],
  [
    'POST portal/sessions',
    { user_id: 'u_1' },
    '400 bad_request',
    '`return_url` is required: send a string such as `https://app.example.com/account`.',
  ],
];
