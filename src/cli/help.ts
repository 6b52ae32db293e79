export const HELP = `Usage:
  download-service upload   FILE       [options]   uploads it, or the rest of it
  download-service download ID_OR_URL  [options]   downloads it, or the rest of it
  download-service link     ID_OR_FILE [options]   prints a link to it; a local file is uploaded first

The service and who you are
  --url URL            origin of the service                    [DOWNLOAD_SERVICE_URL]
  --api-key-file FILE  file that holds an API key               [DOWNLOAD_SERVICE_API_KEY_FILE]
  --api-key KEY        the key itself; others on this machine   [DOWNLOAD_SERVICE_API_KEY]
                       can see the arguments of programs
                       an access token instead of a key         [DOWNLOAD_SERVICE_TOKEN]

upload, and link of a local file
  --name NAME          instead of the file's
  --type TYPE          media type, as image/png
  --visibility WHO     private (default), tenant or public
  --volume NAME        where it is kept, for admins
  --chunk-size SIZE    2M to 64M; the service decides
  --parallel N         chunks on their way at once, 1 to 16 (default 4)
  --sha256             take the checksum first however large the file is: what the service has is not sent
  --direct             send the bytes straight to the object store

download
  -o, --output PATH    a file, or a folder (default: the name that the service says)
  --parallel N         connections, 1 to 16 (default 1)
  --force              replace a file that is there

link
  --expires-in TIME    300, 5m, 12h, 7d
  --max-downloads N    how often it may be downloaded
  --allow-ip NETWORK   203.0.113.7 or 10.0.0.0/8; may be given again

Always
  --retry-for TIME     how long to try again after the last success (default 5m)
  --no-progress        no progress
  -h, --help           this
  --version            the version

An upload or a download that was ended in any way goes on when the same command is given again. Id and checksum, or the
link, are printed to the standard output; everything else to the standard error output.

Ends with 0 when it is done; 1 failure, 2 wrong usage, 3 checksum differs, 130 Ctrl-C.
`;
