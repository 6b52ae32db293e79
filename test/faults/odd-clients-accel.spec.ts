import { oddClients } from './odd-clients.js';

oddClients('accel');
