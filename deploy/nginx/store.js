// What of a store's answer reaches the client, for nginx's js module (njs >= 0.7). Whatever else the store says is dropped: an
// allow-list is what nginx has no directive for.

// Ours, kept over the internal redirect, or of the connection.
const KEPT = {
  'accept-ranges': true,
  'cache-control': true,
  connection: true,
  'content-disposition': true,
  'content-length': true,
  'content-range': true,
  'content-type': true,
  date: true,
  'keep-alive': true,
  server: true,
  // The store's own is hidden.
  'set-cookie': true,
};

/**
 * Header filter. An answer that is not what the application asked for (another length, another range, another status) would be
 * wrong bytes under our validators: the exception ends the connection before anything is sent.
 */
function passOn(r) {
  const range = r.variables.store_content_range;
  const told = r.headersOut;
  if (r.status !== (range ? 206 : 200)) throw new Error('store: unexpected status ' + r.status);
  if (told['Content-Length'] !== r.variables.store_length) throw new Error('store: unexpected length');
  if ((told['Content-Range'] || '') !== range) throw new Error('store: unexpected range');
  for (const name in told) {
    if (!KEPT[name.toLowerCase()]) delete told[name];
  }
}

export default { passOn };
