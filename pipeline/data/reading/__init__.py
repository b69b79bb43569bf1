"""From a file of the landing zone to decoded and checked images, in processes of their own."""
