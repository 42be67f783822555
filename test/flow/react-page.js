/* The page of react.test.ts: it renders components of the client and notes all that was ever rendered. */
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { Gate, LatchkeyProvider, useEntitlement } from '../../src/client/react.ts';

const root = createRoot(document.body.appendChild(document.createElement('div')));
window.rendered = [];

function Seats({ userId }) {
  const { value, isLoading } = useEntitlement('seats');
  window.rendered.push({ userId, value });
  return `${userId}: ${isLoading ? 'loading' : value} seats, `;
}

window.render = (props) => {
  root.render(
    createElement(
      LatchkeyProvider,
      // A function of its own for each render, as pages write it.
      props.withToken ? { ...props, getToken: () => window.userToken(props.userId) } : props,
      createElement(Seats, { userId: props.userId }),
      createElement(Gate, { feature: 'export', fallback: 'no export' }, 'the export'),
    ),
  );
};
