/* The page of ofrep-web.test.ts: it reads flags by the SDK and writes them into itself. */
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';

window.start = async (baseUrl, token, targetingKey) => {
  await OpenFeature.setContext({ targetingKey });
  const provider = new OFREPWebProvider({
    baseUrl,
    headersFactory: () => [['Authorization', 'Bearer ' + token]],
  });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  const show = () => {
    document.body.textContent = JSON.stringify({
      export: client.getBooleanValue('export', false),
      seats: client.getNumberValue('seats', -1),
    });
  };
  client.addHandler(ProviderEvents.ConfigurationChanged, show);
  show();
};
