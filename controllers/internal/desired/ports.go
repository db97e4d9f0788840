package desired

// AdminPort is where the runtime of every pod answers /configz.
const AdminPort = adminPort
