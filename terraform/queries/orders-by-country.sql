-- Sales orders and units by the country that they are delivered to
select l.country, count(*) as orders, sum(s.units_sold) as units
from fact_sales_order_now s
join dim_location l on l.location_id = s.agreed_delivery_location_id
group by l.country
order by orders desc
