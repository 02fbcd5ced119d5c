// A certified OpenID provider for tests: city-login.mjs PORT ADDRESS-OF-THE-NODE CLIENT-SECRET
import Provider from 'oidc-provider';

const [port, node, secret] = process.argv.slice(2);
const users = { anna: { password: 'anna-secret', groups: ['stewards', 'staff'] }, eve: { password: 'eve-secret', groups: [] } };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'hansa', client_secret: secret, grant_types: ['authorization_code'], response_types: ['code'],
    redirect_uris: [`${node}/sign-in/with/city/callback`], post_logout_redirect_uris: [`${node}/`],
    backchannel_logout_uri: `${node}/sign-in/with/city/logout`, backchannel_logout_session_required: true,
  }],
  scopes: ['openid', 'profile', 'groups'],
  claims: { openid: ['sub', 'acr', 'sid'], profile: ['name', 'preferred_username'], groups: ['groups'] },
  acrValues: ['urn:eidas:high'],
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ['only for tests'] },
  interactions: { url: (ctx, interaction) => `/login/${interaction.uid}` },
  // Its own fetch refuses addresses of this machine.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  findAccount: (ctx, id) => users[id] && {
    accountId: id, claims: () => ({ sub: id, preferred_username: id, name: `Ms ${id}`, groups: users[id].groups }),
  },
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid profile groups');
    await grant.save();
    return grant;
  },
});
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/login/')) return next();
  const finish = (result) => { ctx.respond = false; return provider.interactionFinished(ctx.req, ctx.res, result); };
  if ((await provider.interactionDetails(ctx.req, ctx.res)).prompt.name === 'consent') return finish({ consent: {} });
  if (ctx.method === 'POST') {
    let body = '';
    for await (const part of ctx.req) body += part;
    const form = new URLSearchParams(body);
    if (users[form.get('user')]?.password === form.get('password')) {
      return finish({ login: { accountId: form.get('user'), acr: 'urn:eidas:high' } });
    }
    ctx.status = 401;
  }
  ctx.type = 'html';
  ctx.body = '<form method=post><input name=user><input name=password type=password><button>Log in</button></form>';
  return undefined;
});
provider.listen(Number(port), '127.0.0.1');
